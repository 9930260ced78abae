//! The same without the attribute.

#![deny(warnings)]

use nanofaas::{App, Context, FunctionError, Request, Response, Result, State};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Order {
    item: String,
}

#[derive(Serialize)]
struct Receipt {
    total: u32,
}

#[derive(Debug, thiserror::Error, FunctionError)]
#[error("sold out")]
struct SoldOut;

fn nothing() -> Result<u8> {
    Ok(1)
}

async fn nothing_async() -> Result<u8> {
    Ok(1)
}

fn order(order: Order) -> Result<String> {
    Ok(order.item)
}

async fn receipt(order: Order) -> Result<Receipt, SoldOut> {
    if order.item.is_empty() { Err(SoldOut) } else { Ok(Receipt { total: 1 }) }
}

async fn request(Request { input, .. }: Request<Order>) -> Result<Response<String>> {
    Ok(Response::new(input.item).status(201))
}

fn state(State(price): State<u32>) -> Result<u32> {
    Ok(price)
}

async fn context(context: Context) -> Result<String> {
    Ok(context.execution_id.clone())
}

async fn six(_: Order, a: Context, _: Context, _: Context, State(n): State<u8>, _: State<u16>) -> Result<String> {
    Ok(format!("{}{n}", a.execution_id))
}

mod boxed {
    use std::pin::Pin;

    pub(crate) fn future(item: String) -> Pin<Box<dyn Future<Output = nanofaas::Result<String>> + Send>> {
        Box::pin(async move { Ok(item) })
    }
}

fn main() {
    let _ = [App::new(nothing), App::new(nothing_async), App::new(order), App::new(receipt), App::new(request)];
    let _ = [App::new(state).state(3_u32), App::new(context), App::new(six), App::new(boxed::future)];
    let _ = App::new(|item: String| Ok::<_, SoldOut>(item));
    let prefix = String::from("a ");
    let _ = App::new(async move |item: String| -> Result<usize> { Ok(item.len()) });
    let _ = App::new(move |item: String| -> Result<String> { Ok(format!("{prefix}{item}")) });
}
