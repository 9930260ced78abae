#[derive(Debug, nanofaas::FunctionError)]
enum OrderError {
    #[response(status = 404)]
    UnknownItem,
}

#[nanofaas::handler]
fn handle(_item: String) -> Result<u32, OrderError> {
    Err(OrderError::UnknownItem)
}

fn main() {}
