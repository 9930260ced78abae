//! The address of one callback.

use reqwest::Url;

use super::policy::{Policy, check_sendable, encode_segment};
use crate::protocol::{Code, Failure};

/// Where the end of one execution is posted: `{base}/{execution id}:complete`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target(Url);

impl Target {
    /// Checks the base and adds the execution id as one path segment. A base that ends in
    /// `:complete` is the whole address already.
    pub(crate) fn new(base: &str, execution_id: &str, policy: &Policy) -> Result<Self, Failure> {
        let refuse = |reason| {
            Failure::new(Code::InvalidCallbackUrl, format!("the callback URL {base:?} is refused: {reason}"))
                // A URL may hold a password or a token.
                .logged_as(format!("the callback URL is refused: {reason}"))
        };
        let mut url = policy.check(base).map_err(refuse)?;
        let path = url.path().trim_end_matches('/');
        let path = if path.ends_with(":complete") {
            path.to_owned()
        } else {
            format!("{path}/{}:complete", encode_segment(execution_id))
        };
        url.set_path(&path);
        url.set_fragment(None);
        check_sendable(&url).map_err(refuse)?;
        Ok(Self(url))
    }

    pub(crate) fn url(&self) -> &Url {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(base: &str, id: &str) -> String {
        Target::new(base, id, &Policy::default()).unwrap().url().to_string()
    }

    #[test]
    fn the_id_is_added_as_one_segment() {
        let base = "http://cp:8080/v1/internal/executions";
        assert_eq!(target(base, "e-1"), format!("{base}/e-1:complete"));
        assert_eq!(target(&format!("{base}///"), "e-1"), format!("{base}/e-1:complete"));
        assert_eq!(target(base, "../../evil"), format!("{base}/..%2F..%2Fevil:complete"));
        assert_eq!(target(base, ".."), format!("{base}/..:complete"));
        assert_eq!(target("http://cp", "e"), "http://cp/e:complete");
        assert_eq!(target("http://cp/x?token=1#part", "e"), "http://cp/x/e:complete?token=1");
    }

    #[test]
    fn a_complete_address_stays_as_it_is() {
        for base in ["http://cp/v1/executions/e-9:complete", "http://cp/v1/executions/e-9:complete/"] {
            assert_eq!(target(base, "e-1"), "http://cp/v1/executions/e-9:complete");
        }
    }

    #[test]
    fn an_address_that_cannot_be_called_is_refused_before_the_function_runs() {
        let id = "\u{fc}".repeat(15_000);
        let failure = Target::new("http://cp", &id, &Policy::default()).unwrap_err();
        assert!(failure.message.ends_with("it cannot be called: uri too long"), "{}", failure.message);
    }

    #[test]
    fn a_refused_address_is_the_callers_mistake() {
        let failure = Target::new("ftp://cp", "e", &Policy::default()).unwrap_err();
        assert_eq!((&*failure.code, failure.status), ("INVALID_CALLBACK_URL", 400));
    }
}
