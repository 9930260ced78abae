//! With the attribute there is no limit.

#![deny(warnings)]

use nanofaas::{Context, Result, State};

#[nanofaas::handler]
#[allow(clippy::too_many_arguments, reason = "to see that it can")]
async fn handle(
    item: String,
    State(a): State<u8>,
    State(b): State<u16>,
    State(c): State<u32>,
    State(d): State<u64>,
    State(e): State<i8>,
    State(f): State<i16>,
    State(g): State<&'static str>,
    context: Context,
) -> Result<String> {
    Ok(format!("{item}{a}{b}{c}{d}{e}{f}{g}{}", context.execution_id))
}

fn main() {
    let _ = handle;
}
