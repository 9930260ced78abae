fn main() {
    let _ = nanofaas::App::new("handle");
}
