#[derive(Debug, thiserror::Error, nanofaas::FunctionError)]
enum OrderError {
    #[error("no such item")]
    #[response(status = 404)]
    #[response(status = 410)]
    UnknownItem,
}

fn main() {
    let _ = OrderError::UnknownItem;
}
