use nanofaas::Result;

#[nanofaas::handler]
fn handle(item: &str) -> Result<String> {
    Ok(item.to_uppercase())
}

fn main() {}
