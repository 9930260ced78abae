use nanofaas::Result;

#[nanofaas::handler(crate = nano)]
fn handle(item: String) -> Result<String> {
    Ok(item)
}

fn main() {}
