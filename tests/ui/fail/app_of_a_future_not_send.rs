use std::rc::Rc;

use nanofaas::{App, Result};

async fn handle(item: String) -> Result<usize> {
    let shared = Rc::new(item);
    std::future::ready(()).await;
    Ok(shared.len())
}

fn main() {
    let _ = App::new(handle);
}
