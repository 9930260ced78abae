#[nanofaas::handler]
async fn handle(item: String) -> Option<String> {
    Some(item)
}

fn main() {}
