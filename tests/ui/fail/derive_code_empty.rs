#[derive(Debug, thiserror::Error, nanofaas::FunctionError)]
enum OrderError {
    #[error("no such item")]
    #[response(code = "")]
    UnknownItem,
}

fn main() {
    let _ = OrderError::UnknownItem;
}
