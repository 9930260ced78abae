#[nanofaas::handler]
async fn handle(item: String) -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
    Ok(item.parse()?)
}

fn main() {}
