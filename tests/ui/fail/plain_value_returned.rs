#[nanofaas::handler]
fn handle(item: String) -> String {
    item.to_uppercase()
}

fn main() {}
