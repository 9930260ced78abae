#[nanofaas::handler]
fn handle(item: String) {
    println!("{item}");
}

fn main() {}
