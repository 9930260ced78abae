use nanofaas::{Result, State};
use serde::Deserialize;

#[derive(Deserialize)]
struct Order {
    item: String,
}

#[nanofaas::handler]
fn handle(State(price): State<u32>, order: Order) -> Result<u32> {
    Ok(price + order.item.len() as u32)
}

fn main() {}
