//! The string input in upper case.

use nanofaas::{Result, json};

#[nanofaas::handler]
fn handle(name: String) -> Result {
    Ok(json!({ "result": name.to_uppercase() }))
}

nanofaas::main!();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_input_is_answered_in_upper_case() {
        assert_eq!(handle("hello".into()).unwrap(), json!({ "result": "HELLO" }));
    }
}
