use nanofaas::{Result, State};

struct Stock;

#[nanofaas::handler]
fn handle(item: String, _stock: State<Stock>) -> Result<String> {
    Ok(item)
}

fn main() {}
