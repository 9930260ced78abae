use nanofaas::Result;

#[nanofaas::handler]
fn handle(order: Order) -> Result<usize> {
    Ok(1)
}

fn main() {}
