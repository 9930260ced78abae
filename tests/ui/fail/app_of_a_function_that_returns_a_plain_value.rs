fn handle(item: String) -> String {
    item
}

fn main() {
    let _ = nanofaas::App::new(handle);
}
