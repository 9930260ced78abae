use nanofaas::Result;

#[nanofaas::handler]
fn handle(items: Vec<&str>) -> Result<usize> {
    Ok(items.len())
}

fn main() {}
