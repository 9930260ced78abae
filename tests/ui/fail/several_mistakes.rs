use nanofaas::Context;

struct Receipt;

#[nanofaas::handler(nme = "shout")]
unsafe fn handle(item: &str, quantity: u32, _context: Context) -> Result<Receipt, String> {
    let _ = (item, quantity);
    Ok(Receipt)
}

fn main() {}
