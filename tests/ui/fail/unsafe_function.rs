use nanofaas::Result;

#[nanofaas::handler]
unsafe fn handle(item: String) -> Result<String> {
    Ok(item)
}

fn main() {}
