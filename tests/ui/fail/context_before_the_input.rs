use nanofaas::{Context, Result};
use serde::Deserialize;

#[derive(Deserialize)]
struct Order {
    item: String,
}

#[nanofaas::handler]
async fn handle(_context: Context, order: Order) -> Result<String> {
    Ok(order.item)
}

fn main() {}
