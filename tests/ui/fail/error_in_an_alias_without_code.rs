type Reply<T> = Result<T, std::num::ParseIntError>;

#[nanofaas::handler]
fn handle(item: String) -> Reply<u32> {
    item.parse()
}

fn main() {}
