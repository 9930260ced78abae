//! Every way to write what a handler returns.

#![deny(warnings)]

use nanofaas::{App, FunctionError, Response, Value, json};
use serde::Serialize;

#[derive(Debug, thiserror::Error, FunctionError)]
enum MyError {
    #[error("empty")]
    #[response(status = 422)]
    Empty,
}

#[derive(Serialize)]
struct Receipt {
    total: u32,
}

type Result<T> = std::result::Result<T, MyError>;
type Reply = nanofaas::Result<Receipt>;

#[nanofaas::handler]
fn defaults() -> nanofaas::Result {
    Ok(json!({}))
}

#[nanofaas::handler]
async fn default_error() -> nanofaas::Result<Receipt> {
    Ok(Receipt { total: "1".parse()? })
}

#[nanofaas::handler]
fn both() -> nanofaas::Result<Value, MyError> {
    Err(MyError::Empty)
}

#[nanofaas::handler]
fn own_alias() -> Result<Vec<Receipt>> {
    Ok(vec![])
}

#[nanofaas::handler]
async fn alias_without_parameters() -> Reply {
    Ok(Receipt { total: 1 })
}

#[nanofaas::handler]
async fn standard() -> std::result::Result<Option<Receipt>, nanofaas::Error> {
    Ok(None)
}

#[nanofaas::handler]
fn borrowed_for_ever() -> std::result::Result<&'static str, MyError> {
    Ok("a")
}

#[nanofaas::handler]
fn never_fails() -> std::result::Result<(), nanofaas::Error> {
    Ok(())
}

#[nanofaas::handler]
async fn response() -> Result<Response<Receipt>> {
    Ok(Response::new(Receipt { total: 1 }).status(201).header("location", "/receipts/1"))
}

fn main() {
    let _ = [App::new(defaults), App::new(default_error), App::new(both), App::new(own_alias)];
    let _ = [App::new(alias_without_parameters), App::new(standard), App::new(borrowed_for_ever)];
    let _ = [App::new(never_fails), App::new(response)];
}
