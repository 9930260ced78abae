use nanofaas::{Result, State};

#[nanofaas::handler]
fn handle(State(price): State<u32>) -> Result<u32> {
    Ok(price)
}

async fn connect() -> Result<u32> {
    Ok(3)
}

nanofaas::main!(int = connect);
