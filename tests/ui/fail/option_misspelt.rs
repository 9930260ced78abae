use nanofaas::Result;

#[nanofaas::handler(nme = "shout")]
fn handle(item: String) -> Result<String> {
    Ok(item)
}

fn main() {}
