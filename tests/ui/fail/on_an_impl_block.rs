struct Shop;

#[nanofaas::handler]
impl Shop {
    fn handle() {}
}

fn main() {
    Shop::handle();
}
