use nanofaas::{Result, State};

#[nanofaas::handler]
fn handle(State(price): State<u32>) -> Result<u32> {
    Ok(price)
}

async fn connect() -> u32 {
    3
}

nanofaas::main!(init = connect);
