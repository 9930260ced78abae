fn handle(item: String) -> String {
    item
}

nanofaas::main!(handle);
