#[derive(Debug, thiserror::Error, nanofaas::FunctionError)]
enum OrderError {
    #[error("no such item")]
    #[response(status = 200)]
    UnknownItem,
    #[error("sold out")]
    #[response(stauts = 409)]
    SoldOut,
}

fn main() {
    let _ = (OrderError::UnknownItem, OrderError::SoldOut);
}
