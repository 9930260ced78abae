use nanofaas::State;

#[nanofaas::handler]
fn handle(State(price): State<u32>) -> nanofaas::Result<u32> {
    Ok(price)
}

async fn connect() -> Result<u32, String> {
    Ok(3)
}

nanofaas::main!(handle, init = connect);
