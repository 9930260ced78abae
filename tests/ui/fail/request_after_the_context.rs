use nanofaas::{Context, Request, Result};

#[nanofaas::handler]
fn handle(_context: Context, request: Request<String>) -> Result<String> {
    Ok(request.input)
}

fn main() {}
