use nanofaas::Result;

#[nanofaas::handler]
const fn handle() -> Result<u32> {
    Ok(1)
}

fn main() {}
