use nanofaas::{Result, State};

#[nanofaas::handler]
fn handle(State(price): State<u32>) -> Result<u32> {
    Ok(price)
}

async fn connect(address: String) -> Result<u32> {
    Ok(address.parse()?)
}

nanofaas::main!(init = connect);
