//! Every form of `nanofaas::main!`. Each stands in a module, because it would serve.

#![deny(warnings)]
#![allow(dead_code, reason = "none of them is called")]

use nanofaas::{Error, FunctionError, Result, State};

#[derive(Debug, thiserror::Error, FunctionError)]
#[error("no connection")]
struct Unreachable;

#[nanofaas::handler]
fn handle(State(price): State<u32>) -> Result<u32> {
    Ok(price)
}

async fn not_annotated(name: String) -> Result<String> {
    Ok(name)
}

async fn connect() -> Result<u32> {
    Ok(std::env::var("PRICE")?.parse()?)
}

async fn connect_with_an_own_error() -> Result<u32, Unreachable> {
    Err(Unreachable)
}

mod empty {
    nanofaas::main!();
}

mod of_one {
    nanofaas::main!(super::handle);
}

mod of_one_that_is_not_annotated {
    nanofaas::main!(crate::not_annotated,);
}

mod with_init {
    use super::connect;

    nanofaas::main!(init = connect);
}

mod with_an_own_error {
    nanofaas::main!(init = super::connect_with_an_own_error,);
}

mod with_a_closure {
    nanofaas::main!(init = async || Ok::<_, super::Error>(1_u32));
}

mod of_one_with_init {
    nanofaas::main!(super::handle, init = super::connect,);
}

mod of_a_function_called_init {
    fn init() -> nanofaas::Result<u8> {
        Ok(1)
    }

    nanofaas::main!(init);
}

fn main() {}
