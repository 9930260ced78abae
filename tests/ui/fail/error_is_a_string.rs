#[nanofaas::handler]
fn handle(item: String) -> Result<u32, String> {
    Err(item)
}

fn main() {}
