//! Settings of the function's own.

use crate::handler::{Error, Result};
use crate::protocol::present;

/// Reads a variable of the environment, trimmed, for an init function.
///
/// ```no_run
/// # struct Stock;
/// # impl Stock { async fn connect(_: &str) -> nanofaas::Result<Stock> { Ok(Stock) } }
/// async fn connect() -> nanofaas::Result<Stock> {
///     Stock::connect(&nanofaas::env("STOCK_URL")?).await
/// }
/// ```
///
/// # Errors
///
/// Where it is not set, blank or not UTF-8; the message names it.
pub fn env(name: &str) -> Result<String> {
    let Some(value) = std::env::var_os(name) else {
        return Err(Error::msg(format!("the environment variable {name} is not set")));
    };
    let value = value.into_string();
    let value = value.map_err(|_| Error::msg(format!("the environment variable {name} is not UTF-8")))?;
    let value = present(&value).ok_or_else(|| Error::msg(format!("the environment variable {name} is blank")))?;
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::env;

    #[test]
    fn a_variable_that_is_missing_is_named() {
        assert_eq!(env("PATH").unwrap(), std::env::var("PATH").unwrap().trim());
        let error = env("NANOFAAS_NO_SUCH_VARIABLE").unwrap_err().to_string();
        assert_eq!(error, "the environment variable NANOFAAS_NO_SUCH_VARIABLE is not set");
    }
}
