//! Tokens: what must not be seen in logs, mistakes or debug output.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use http::HeaderValue;
use subtle::ConstantTimeEq;

use crate::config::ConfigError;

/// The longest file that is read as a token: a path to something else is noticed, and not read whole.
const LONGEST: u64 = 16 * 1024;

/// A token that is sent or expected as `Authorization: Bearer <token>` (RFC 6750 section 2.1).
///
/// It is never shown: its `Debug` is `..`.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Takes a token; white space around it is cut off.
    ///
    /// # Errors
    ///
    /// Where it is empty, or has anything but visible ASCII characters. The error does not show it.
    pub fn new(token: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::read(token.as_ref()).map_err(|reason| ConfigError::of(format!("the token {reason}")))
    }

    /// The error goes on after the name of what holds the token.
    pub(crate) fn read(token: &[u8]) -> Result<Self, &'static str> {
        let token = token.trim_ascii();
        if token.is_empty() {
            return Err("is empty: a token has at least one character");
        }
        // Anything else would arrive changed, or not at all; two lines and a pasted `Bearer` are found as well.
        match std::str::from_utf8(token) {
            Ok(text) if token.iter().all(u8::is_ascii_graphic) => Ok(Self(text.into())),
            _ => {
                Err("cannot stand in a header: expected visible ASCII characters without spaces (it is not shown here)")
            }
        }
    }

    /// Reads a file that holds the token and nothing else; the error goes on after the file's path.
    pub(crate) fn from_file(path: &Path) -> Result<Self, String> {
        let mut token = Vec::new();
        let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut token));
        read.map_err(|error| format!("cannot be read: {error}"))?;
        if token.len() as u64 > LONGEST {
            return Err(format!("is longer than {LONGEST} bytes: expected a token and nothing else"));
        }
        Self::read(&token).map_err(|reason| format!("holds a token that {reason}"))
    }

    /// Whether this is the token. How long it takes says nothing about where they differ.
    pub(crate) fn is(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }

    /// `Bearer <token>`, which HTTP libraries do not show either.
    pub(crate) fn bearer(&self) -> HeaderValue {
        // Visible ASCII can stand in a header.
        let text = format!("Bearer {}", self.0);
        let mut value = HeaderValue::try_from(text).unwrap_or_else(|_| unreachable!("it was checked"));
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("..")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_trimmed_compared_and_never_shown() {
        let secret = Secret::new(" s3cr3t\r\n").unwrap();
        assert!(secret.is(b"s3cr3t"));
        for other in [&b"s3cr3T"[..], b"s3cr3", b"s3cr3tt", b""] {
            assert!(!secret.is(other));
        }
        assert_eq!(secret.bearer(), "Bearer s3cr3t");
        assert_eq!(format!("{secret:?} {:?}", secret.bearer()), ".. Sensitive");
    }

    #[test]
    fn what_cannot_be_a_token_is_refused_without_showing_it() {
        for token in ["", " \n", "one\ntwo", "Bearer s3cr3t", "s3cr3t\u{7f}", "\u{feff}s3cr3t", "schlüss3l"] {
            let error = Secret::new(token).unwrap_err().to_string();
            assert!(!error.contains("s3cr3t") && !error.contains("3l"), "{error}");
        }
        assert!(Secret::new(b"\xff\xfe").is_err());
    }
}
