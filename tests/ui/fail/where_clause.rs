use nanofaas::Result;

#[nanofaas::handler]
fn handle(item: String) -> Result<String>
where
    String: Clone,
{
    Ok(item)
}

fn main() {}
