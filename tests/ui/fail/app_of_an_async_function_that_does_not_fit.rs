use nanofaas::Result;

struct Order;

async fn handle(_order: Order) -> Result<u32> {
    Ok(1)
}

fn main() {
    let _ = nanofaas::App::new(handle);
}
