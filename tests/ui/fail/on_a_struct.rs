use nanofaas::Result;

#[nanofaas::handler]
pub struct Order {
    pub item: String,
}

fn main() {
    let _: Result<Order> = Ok(Order { item: String::new() });
}
