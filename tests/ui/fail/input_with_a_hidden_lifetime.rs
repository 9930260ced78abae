use nanofaas::Result;
use serde::Deserialize;

#[derive(Deserialize)]
struct Order<'a> {
    item: &'a str,
}

#[nanofaas::handler]
fn handle(order: Order) -> Result<String> {
    Ok(order.item.to_owned())
}

fn main() {}
