//! {{description}}
{% if input == "typed" %}
use nanofaas::{Context, Result};
use serde::{Deserialize, Serialize};

/// What a caller sends as `input`.
#[derive(Debug, Deserialize)]
struct Greeting {
    name: String,
}

/// What a caller gets.
#[derive(Debug, Serialize)]
struct Greeted {
    message: String,
}

#[nanofaas::handler]
{% if style == "async" %}async {% endif %}fn handle(greeting: Greeting, context: Context) -> Result<Greeted> {
    tracing::info!(remaining = ?context.remaining(), "greeting");
    if greeting.name.is_empty() {
        return Err(nanofaas::Error::new("NAMELESS", "`name` is empty").status(422));
    }
    let message = format!("Hello, {}!", greeting.name);
    Ok(Greeted { message })
}
{% else %}
use nanofaas::{Context, Result, Value, json};

#[nanofaas::handler]
{% if style == "async" %}async {% endif %}fn handle(input: Value, context: Context) -> Result {
    tracing::info!(remaining = ?context.remaining(), "greeting");
    let name = input["name"].as_str().unwrap_or_default();
    if name.is_empty() {
        return Err(nanofaas::Error::new("NAMELESS", "`name` is empty").status(422));
    }
    Ok(json!({ "message": format!("Hello, {name}!") }))
}
{% endif %}
nanofaas::main!();

#[cfg(test)]
mod tests {
    use super::*;
{% if input == "typed" %}
    {% if style == "async" %}#[tokio::test]
    async {% else %}#[test]
    {% endif %}fn a_name_is_greeted() {
        let name = "Ada".to_owned();
        let greeted = handle(Greeting { name }, Context::new("test")){% if style == "async" %}.await{% endif %};
        assert_eq!(greeted.unwrap().message, "Hello, Ada!");
    }

    {% if style == "async" %}#[tokio::test]
    async {% else %}#[test]
    {% endif %}fn nobody_is_not_greeted() {
        let name = String::new();
        let greeted = handle(Greeting { name }, Context::new("test")){% if style == "async" %}.await{% endif %};
        assert_eq!(greeted.unwrap_err().to_string(), "`name` is empty");
    }
{% else %}
    {% if style == "async" %}#[tokio::test]
    async {% else %}#[test]
    {% endif %}fn a_name_is_greeted() {
        let input = json!({ "name": "Ada" });
        let greeted = handle(input, Context::new("test")){% if style == "async" %}.await{% endif %};
        assert_eq!(greeted.unwrap(), json!({ "message": "Hello, Ada!" }));
    }

    {% if style == "async" %}#[tokio::test]
    async {% else %}#[test]
    {% endif %}fn nobody_is_not_greeted() {
        let greeted = handle(json!({}), Context::new("test")){% if style == "async" %}.await{% endif %};
        assert_eq!(greeted.unwrap_err().to_string(), "`name` is empty");
    }
{% endif %}}
