#[nanofaas::handler]
mod handlers {}

fn main() {}
