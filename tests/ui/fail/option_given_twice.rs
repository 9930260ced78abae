use nanofaas::Result;

#[nanofaas::handler(name = "shout", name = "cry")]
fn handle(item: String) -> Result<String> {
    Ok(item)
}

fn main() {}
