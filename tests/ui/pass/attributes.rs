//! Attributes and documentation on the function stay where they are.

#![deny(warnings, missing_docs, unreachable_pub, rust_2018_idioms)]
#![deny(unused_qualifications, unused_results, unused_import_braces, single_use_lifetimes, let_underscore_drop)]
#![deny(trivial_casts, trivial_numeric_casts, variant_size_differences, unit_bindings, ambiguous_negative_literals)]

use nanofaas::{Context, Result};

/// Does nothing.
#[must_use]
#[nanofaas::handler]
#[inline]
pub(crate) fn documented(_item: String) -> Result<String> {
    Err(nanofaas::Error::msg("no"))
}

/// Is not there: the type is unknown.
#[cfg(any())]
#[nanofaas::handler]
fn left_out(item: Unknown) -> Result<Unknown> {
    Ok(item)
}

/// Is not there either, with the attributes in the other order.
#[nanofaas::handler]
#[cfg(any())]
fn left_out_as_well(item: Unknown) -> Result<Unknown> {
    Ok(item)
}

/// Is there.
#[cfg_attr(all(), nanofaas::handler)]
#[cfg(all())]
async fn kept(#[allow(unused_variables)] item: String, #[cfg(all())] context: Context) -> Result<String> {
    Ok(context.execution_id.clone())
}

/// Is going away; the caller is told, the registration is not.
#[deprecated]
#[nanofaas::handler]
fn old() -> Result<()> {
    Ok(())
}

fn main() {
    drop(nanofaas::App::new(kept));
    drop(documented(String::new()));
}
