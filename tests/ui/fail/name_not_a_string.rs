use nanofaas::Result;

#[nanofaas::handler(name = shout)]
fn handle(item: String) -> Result<String> {
    Ok(item)
}

fn main() {}
