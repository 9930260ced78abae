use nanofaas::{Context, Result};

#[nanofaas::handler]
fn handle(item: String, context: &Context) -> Result<String> {
    Ok(format!("{item}{}", context.execution_id))
}

fn main() {}
