//! What a handler may be called: also what the generated code might have called something.

#![deny(warnings)]

use nanofaas::{App, Result, handler};

#[handler]
fn handler(item: String) -> Result<String> {
    Ok(item)
}

#[handler(name = "shout at")]
fn named(item: String) -> Result<String> {
    Ok(item)
}

#[handler()]
fn call(call: String) -> Result<String> {
    Ok(call)
}

#[handler(name = "x")]
async fn outcome(outcome: String) -> Result<String> {
    Ok(outcome)
}

#[handler]
fn value(value: String) -> Result<String> {
    Ok(value)
}

#[handler]
async fn error(error: String) -> Result<String> {
    Ok(error)
}

#[handler]
fn argument_0(requirements: String) -> Result<String> {
    Ok(requirements)
}

#[handler]
async fn run() -> Result<()> {
    Ok(())
}

#[handler]
fn r#type(r#match: String) -> Result<String> {
    Ok(r#match)
}

mod inner {
    #[nanofaas::handler]
    pub(super) fn main() -> nanofaas::Result<()> {
        Ok(())
    }
}

fn main() {
    let _ = [App::new(handler), App::new(named), App::new(call), App::new(outcome), App::new(value)];
    let _ = [App::new(error), App::new(argument_0), App::new(run), App::new(r#type), App::new(inner::main)];

    #[handler]
    fn inside(item: String) -> Result<String> {
        Ok(item)
    }
    let _ = App::new(inside);
    assert_eq!(format!("{:?}", App::new(named)), "App { function: \"shout at\", .. }");
    assert_eq!(format!("{:?}", App::new(r#type)), "App { function: \"type\", .. }");
}
