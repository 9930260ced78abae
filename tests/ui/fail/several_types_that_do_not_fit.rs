struct Order;
struct Receipt;
#[derive(Debug)]
struct Refusal;

#[nanofaas::handler]
fn handle(_order: Order, _quantity: u32) -> Result<Receipt, Refusal> {
    Ok(Receipt)
}

fn main() {}
