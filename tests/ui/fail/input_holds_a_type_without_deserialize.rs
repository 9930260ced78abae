use nanofaas::Result;

struct Order;

#[nanofaas::handler]
fn handle(orders: Vec<Order>) -> Result<usize> {
    Ok(orders.len())
}

fn main() {}
