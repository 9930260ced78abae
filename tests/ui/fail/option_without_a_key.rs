use nanofaas::Result;

#[nanofaas::handler("shout")]
fn handle(item: String) -> Result<String> {
    Ok(item)
}

fn main() {}
