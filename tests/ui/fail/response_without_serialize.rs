use nanofaas::{Response, Result};

struct Receipt;

#[nanofaas::handler]
fn handle(_item: String) -> Result<Response<Receipt>> {
    Ok(Response::new(Receipt))
}

fn main() {}
