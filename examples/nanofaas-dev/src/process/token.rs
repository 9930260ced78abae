//! The token that a program started here asks its callers for: it inherits the variable that we read.

use http::HeaderValue;

/// What a call has to carry as `Authorization`. Where the token cannot be read, the program says so itself.
pub(super) fn authorization() -> Option<HeaderValue> {
    let token = match std::env::var_os("NANOFAAS_INVOKE_TOKEN_FILE") {
        Some(path) => std::fs::read(path).ok()?,
        None => std::env::var_os("NANOFAAS_INVOKE_TOKEN")?.into_encoded_bytes(),
    };
    let mut value = HeaderValue::from_bytes(&[b"Bearer ", token.trim_ascii()].concat()).ok()?;
    value.set_sensitive(true);
    Some(value)
}
