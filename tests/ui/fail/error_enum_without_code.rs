#[derive(Debug)]
enum OrderError {
    SoldOut,
}

#[nanofaas::handler]
fn handle(_item: String) -> Result<String, OrderError> {
    Err(OrderError::SoldOut)
}

fn main() {}
