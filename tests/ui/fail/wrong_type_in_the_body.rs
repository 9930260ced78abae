use nanofaas::Result;

#[nanofaas::handler]
fn handle(item: String) -> Result<usize> {
    Ok(item)
}

fn main() {}
