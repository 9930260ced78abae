use nanofaas::Result;

struct Order;

#[nanofaas::handler]
fn handle(order: Order) -> Result<u32> {
    let Order = order;
    Ok(1)
}

fn main() {}
