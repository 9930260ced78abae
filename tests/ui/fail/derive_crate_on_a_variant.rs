#[derive(Debug, thiserror::Error, nanofaas::FunctionError)]
enum OrderError {
    #[error("no such item")]
    #[response(crate = nanofaas)]
    UnknownItem,
}

fn main() {
    let _ = OrderError::UnknownItem;
}
