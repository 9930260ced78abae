use nanofaas::Result;

#[nanofaas::handler]
fn handle(bytes: &[u8]) -> Result<usize> {
    Ok(bytes.len())
}

fn main() {}
