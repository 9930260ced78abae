use nanofaas::Result;

#[nanofaas::handler]
fn handle(item: String, quantity: u32, price: u64) -> Result<u64> {
    Ok(item.len() as u64 * u64::from(quantity) * price)
}

fn main() {}
