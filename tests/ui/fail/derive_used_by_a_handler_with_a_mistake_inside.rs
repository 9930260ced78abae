#[derive(Debug, thiserror::Error, nanofaas::FunctionError)]
enum OrderError {
    #[error("no such item")]
    #[response(status = 200)]
    UnknownItem,
}

#[nanofaas::handler]
fn handle(_item: String) -> Result<u32, OrderError> {
    Err(OrderError::UnknownItem)
}

fn main() {}
