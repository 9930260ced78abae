#[derive(Debug, thiserror::Error, nanofaas::FunctionError)]
enum OrderError {
    #[error("no such item: {0}")]
    UnknownItem(#[response(status = 404)] String),
}

fn main() {
    let _ = OrderError::UnknownItem(String::new());
}
