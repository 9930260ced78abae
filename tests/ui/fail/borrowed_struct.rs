use nanofaas::Result;
use serde::Deserialize;

#[derive(Deserialize)]
struct Order {
    item: String,
}

#[nanofaas::handler]
fn handle(order: &Order) -> Result<String> {
    Ok(order.item.clone())
}

fn main() {}
