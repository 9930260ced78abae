//! A crate that calls nanofaas something else.

#![deny(warnings)]

extern crate nanofaas as nf;

use nf::{App, FunctionError, Result};

#[derive(Debug, thiserror::Error, FunctionError)]
#[response(crate = nf)]
enum Refused {
    #[error("sold out")]
    #[response(status = 409)]
    SoldOut,
}

#[derive(Debug, thiserror::Error, FunctionError)]
#[error("gone")]
#[response(status = 410, crate = crate::deep::functions)]
struct Gone;

#[nf::handler(crate = nf)]
fn handle(item: String) -> Result<String, Refused> {
    if item.is_empty() { Err(Refused::SoldOut) } else { Ok(item) }
}

mod deep {
    pub(crate) use nanofaas as functions;

    #[functions::handler(crate = functions, name = "other")]
    pub(crate) async fn handle(item: String) -> functions::Result<String, super::Gone> {
        Ok(item)
    }

    #[functions::handler(crate = crate::deep::functions)]
    pub(crate) fn by_its_path() -> functions::Result<(), super::Gone> {
        Err(super::Gone)
    }
}

#[allow(dead_code, reason = "it would serve")]
mod served {
    nf::main!(super::handle);
}

fn main() {
    let _ = [App::new(handle), App::new(deep::handle), App::new(deep::by_its_path)];
    assert_eq!((Refused::SoldOut.status(), Gone.status()), (409, 410));
}
