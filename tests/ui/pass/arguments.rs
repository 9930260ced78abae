//! Every kind of argument, and the places it may stand in.

#![deny(warnings)]

use std::collections::HashMap;
use std::sync::Arc;

use nanofaas::{App, Context, Error, FromContext, Request, Result, State, Value, json};
use serde::Deserialize;

#[derive(Deserialize)]
struct Order {
    item: String,
}

struct Tenant(String);

impl FromContext for Tenant {
    fn from_context(context: &Context) -> Result<Self> {
        let tenant = context.metadata.get("tenant").and_then(Value::as_str);
        tenant.map(|tenant| Self(tenant.to_owned())).ok_or_else(|| Error::new("NO_TENANT", "no tenant").status(400))
    }
}

#[nanofaas::handler]
fn nothing() -> Result {
    Ok(json!(1))
}

#[nanofaas::handler]
async fn nothing_async() -> Result {
    Ok(json!(1))
}

#[nanofaas::handler]
fn text(item: String) -> Result<String> {
    Ok(item)
}

#[nanofaas::handler]
async fn order(order: Order) -> Result<String> {
    Ok(order.item)
}

#[nanofaas::handler]
fn any_json(input: Value) -> Result {
    Ok(input)
}

#[nanofaas::handler]
fn standard_types((a, b): (u8, Option<f64>)) -> Result<f64> {
    Ok(f64::from(a) + b.unwrap_or_default())
}

#[nanofaas::handler]
async fn collections(mut orders: HashMap<String, Vec<Order>>) -> Result<usize> {
    orders.retain(|_, orders| !orders.is_empty());
    Ok(orders.len())
}

#[nanofaas::handler]
fn ignored(_: Value) -> Result<()> {
    Ok(())
}

#[nanofaas::handler]
fn request(request: Request) -> Result {
    Ok(request.input)
}

#[nanofaas::handler]
async fn typed_request(Request { input, metadata }: Request<Order>) -> Result<String> {
    Ok(format!("{} {}", input.item, metadata.len()))
}

#[nanofaas::handler]
fn context(context: Context) -> Result<String> {
    Ok(context.execution_id.clone())
}

#[nanofaas::handler]
async fn state(State(price): State<u32>) -> Result<u32> {
    Ok(price)
}

#[nanofaas::handler]
fn shared_state(table: State<Arc<HashMap<&'static str, u32>>>) -> Result<usize> {
    Ok(table.len())
}

#[nanofaas::handler]
fn state_with_functions(State(by): State<Arc<dyn Fn(&str) -> usize + Send + Sync>>) -> Result<usize> {
    Ok(by("a"))
}

#[nanofaas::handler]
fn own(Tenant(tenant): Tenant) -> Result<String> {
    Ok(tenant)
}

#[nanofaas::handler]
fn only_context_arguments(context: Context, State(price): State<u32>, tenant: Tenant) -> Result<String> {
    Ok(format!("{}{price}{}", context.execution_id, tenant.0))
}

#[nanofaas::handler]
async fn all(
    Order { item }: Order,
    State(price): State<u32>,
    Tenant(tenant): Tenant,
    context: Context,
    again: Context,
    State(name): State<&'static str>,
) -> Result<String> {
    Ok(format!("{item}{price}{tenant}{}{}{name}", context.execution_id, again.execution_id))
}

fn main() {
    let _ = [App::new(nothing), App::new(nothing_async), App::new(text), App::new(order), App::new(any_json)];
    let _ = [App::new(standard_types), App::new(collections), App::new(ignored), App::new(request)];
    let _ = [App::new(typed_request), App::new(context), App::new(state), App::new(shared_state)];
    let _ = [App::new(state_with_functions), App::new(own), App::new(only_context_arguments), App::new(all)];
}
