use nanofaas::Result;
use serde::Serialize;

#[nanofaas::handler]
fn handle(item: String) -> Result<impl Serialize> {
    Ok(item)
}

fn main() {}
