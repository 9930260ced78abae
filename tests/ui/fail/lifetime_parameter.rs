use std::borrow::Cow;

use nanofaas::Result;

#[nanofaas::handler]
fn handle<'a>(item: Cow<'static, str>) -> Result<Cow<'a, str>> {
    Ok(item)
}

fn main() {}
