use nanofaas::Result;

struct Receipt;

#[nanofaas::handler]
async fn handle(_item: String) -> Result<Receipt> {
    Ok(Receipt)
}

fn main() {}
