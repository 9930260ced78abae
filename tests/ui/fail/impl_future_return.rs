use nanofaas::Result;

#[nanofaas::handler]
fn handle(item: String) -> impl Future<Output = Result<String>> {
    async { Ok(item) }
}

fn main() {}
