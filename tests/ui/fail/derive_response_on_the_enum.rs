#[derive(Debug, thiserror::Error, nanofaas::FunctionError)]
#[response(status = 404)]
enum OrderError {
    #[error("no such item")]
    UnknownItem,
}

fn main() {
    let _ = OrderError::UnknownItem;
}
