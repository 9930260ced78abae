use nanofaas::Result;

struct Shop;

impl Shop {
    #[nanofaas::handler]
    fn handle(&self, item: String) -> Result<String> {
        Ok(item)
    }
}

fn main() {}
