use nanofaas::Result;

#[nanofaas::handler]
fn handle(item: String, quantity: u32) -> Result<String> {
    Ok(item.repeat(quantity as usize))
}

fn main() {}
