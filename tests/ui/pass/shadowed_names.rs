//! The user's own types may be called like those that generated code needs.

#![deny(warnings)]
#![allow(dead_code, unused_macros, non_camel_case_types, reason = "they are only in the way")]

use serde::{Deserialize, Serialize};

mod std {}
mod core {}
mod nanofaas {}

struct Box;
struct Option;
struct Vec;
struct Pin;
struct Future;
struct Error;
struct FunctionError;
struct FromContext;
struct Call;
struct CallInput;
struct Registration;
struct PhantomData;
struct Some;
struct None;
struct Ok;
struct Err;
struct u16;
trait Send {}
trait Sync {}
trait Sized {}
trait Fn {}
trait Clone {}
trait Display {}
macro_rules! file {
    () => {};
}
macro_rules! line {
    () => {};
}
macro_rules! matches {
    () => {};
}

#[derive(Deserialize, Serialize)]
struct Value {
    value: ::std::string::String,
}

type Result = ::std::result::Result<Value, Refused>;
type String = Value;

#[derive(Debug, thiserror::Error, ::nanofaas::FunctionError)]
#[error("refused")]
enum Refused {
    #[response(status = 403)]
    Some,
    None {
        ok: bool,
    },
    Ok(i8),
}

#[::nanofaas::handler]
fn handle(input: String) -> Result {
    if input.value.is_empty() { Result::Err(Refused::Some) } else { Result::Ok(input) }
}

#[::nanofaas::handler]
async fn wait(input: Value, _context: ::nanofaas::Context) -> Result {
    Result::Ok(input)
}

mod served {
    ::nanofaas::main!();
}

fn main() {
    let _ = [::nanofaas::App::new(handle), ::nanofaas::App::new(wait)];
}
