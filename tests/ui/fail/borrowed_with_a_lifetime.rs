use nanofaas::Result;

#[nanofaas::handler]
fn handle<'a>(item: &'a str) -> Result<String> {
    Ok(item.to_uppercase())
}

fn main() {}
