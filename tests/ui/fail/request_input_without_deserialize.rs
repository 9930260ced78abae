use nanofaas::{Request, Result};

struct Order;

#[nanofaas::handler]
fn handle(request: Request<Order>) -> Result<usize> {
    Ok(request.metadata.len())
}

fn main() {}
