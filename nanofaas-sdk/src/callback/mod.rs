//! Callbacks: the control plane learns how an invocation ended.
//!
//! [`Target`] is the checked address, [`Outbox`] owns what is not delivered yet, [`delivery`] is
//! one callback on its way, [`client`] the HTTP client that all of them share.

mod client;
mod delivery;
mod outbox;
mod policy;
mod refused;
mod retry;
mod target;

pub(crate) use outbox::{Outbox, Reservation};
pub(crate) use policy::Policy;
pub(crate) use target::Target;
