use nanofaas::Result;
use serde::Serialize;

#[nanofaas::handler]
fn handle<T: Serialize>(item: T) -> Result<T> {
    Ok(item)
}

fn main() {}
