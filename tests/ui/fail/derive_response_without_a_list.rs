#[derive(Debug, thiserror::Error, nanofaas::FunctionError)]
enum OrderError {
    #[error("no such item")]
    #[response]
    UnknownItem,
    #[error("sold out")]
    #[response = 409]
    SoldOut,
}

fn main() {
    let _ = (OrderError::UnknownItem, OrderError::SoldOut);
}
