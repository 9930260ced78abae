use nanofaas::Result;

#[nanofaas::handler]
fn handle(item: impl Into<String>) -> Result<String> {
    Ok(item.into())
}

fn main() {}
