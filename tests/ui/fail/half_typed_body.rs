use nanofaas::Result;

#[nanofaas::handler]
fn handle(item: String) -> Result<usize> {
    let length = ;
}

fn main() {}
