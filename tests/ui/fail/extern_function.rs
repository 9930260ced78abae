use nanofaas::Result;

#[nanofaas::handler]
extern "C" fn handle() -> Result<u32> {
    Ok(1)
}

fn main() {}
