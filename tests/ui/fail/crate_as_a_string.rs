use nanofaas::Result;

#[nanofaas::handler(crate = "nanofaas")]
fn handle(item: String) -> Result<String> {
    Ok(item)
}

fn main() {}
