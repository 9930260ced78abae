use nanofaas::Result;

#[nanofaas::handler(name)]
fn handle(item: String) -> Result<String> {
    Ok(item)
}

fn main() {}
