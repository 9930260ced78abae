#[derive(Debug, thiserror::Error, nanofaas::FunctionError)]
enum OrderError {
    #[error("no such item")]
    #[response(status = 600)]
    UnknownItem,
}

fn main() {
    let _ = OrderError::UnknownItem;
}
