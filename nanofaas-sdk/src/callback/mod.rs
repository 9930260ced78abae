//! Callbacks: the control plane learns how an invocation ended.
//!
//! [`Target`] is the checked address, [`Outbox`] owns what is not delivered yet, [`delivery`] is
//! one callback on its way, [`spool`] those that are kept on a disk, [`post`] what all of them share.

mod client;
mod delivery;
mod outbox;
mod policy;
mod post;
mod refused;
mod retry;
pub(crate) mod spool;
mod target;
#[cfg(feature = "https")]
pub(crate) mod tls;

pub(crate) use outbox::{Outbox, Reservation};
pub(crate) use policy::Policy;
pub(crate) use post::Post;
pub(crate) use target::Target;
