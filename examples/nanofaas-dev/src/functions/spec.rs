//! What is known of a function: the body of `POST /v1/functions`.

use serde::{Deserialize, Serialize};

use crate::arguments::{check_name, check_url};

/// A registered function, as `GET /v1/functions` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FunctionSpec {
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) execution_mode: ExecutionMode,
    /// Posted to as it stands.
    pub(crate) endpoint_url: String,
    /// How long one attempt may take.
    pub(crate) timeout_ms: u64,
    /// How many executions run at once.
    pub(crate) concurrency: usize,
    /// How many executions wait for their turn; the next one is refused.
    pub(crate) queue_size: usize,
    /// How many attempts there are in total, the first one included.
    pub(crate) max_retries: u32,
}

/// How a real control plane runs the function; nothing depends on it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum ExecutionMode {
    Pool,
    Deployment,
    Local,
}

/// A function as a caller describes it; what is absent or null has a default.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Registration {
    name: Option<String>,
    image: Option<String>,
    execution_mode: Option<ExecutionMode>,
    endpoint_url: Option<String>,
    timeout_ms: Option<u64>,
    concurrency: Option<usize>,
    queue_size: Option<usize>,
    max_retries: Option<u32>,
}

impl FunctionSpec {
    /// A function of the command line.
    pub(crate) fn at(name: String, endpoint_url: String) -> Self {
        Self {
            name,
            image: "local".to_owned(),
            execution_mode: ExecutionMode::Local,
            endpoint_url,
            timeout_ms: 30_000,
            concurrency: 4,
            queue_size: 100,
            max_retries: 3,
        }
    }
}

impl TryFrom<Registration> for FunctionSpec {
    /// Everything that is wrong.
    type Error = String;

    fn try_from(asked: Registration) -> Result<Self, String> {
        let mut mistakes = Vec::new();
        let name = asked.name.unwrap_or_default();
        mistakes.extend(check_name(&name).err());
        let image = asked.image.unwrap_or_default();
        if image.trim().is_empty() {
            mistakes.push("`image` is blank; nothing is pulled here, but a real control plane needs it".to_owned());
        }
        let url = match asked.endpoint_url {
            Some(url) => {
                mistakes.extend(check_url(&url).err().map(|reason| format!("`endpointUrl`: {reason}")));
                url
            }
            None => {
                mistakes.push("`endpointUrl` is missing; no image is started here".to_owned());
                String::new()
            }
        };
        let standard = Self::at(name, url);
        let spec = Self {
            image,
            execution_mode: asked.execution_mode.unwrap_or(ExecutionMode::Deployment),
            timeout_ms: asked.timeout_ms.unwrap_or(standard.timeout_ms),
            concurrency: asked.concurrency.unwrap_or(standard.concurrency),
            queue_size: asked.queue_size.unwrap_or(standard.queue_size),
            max_retries: asked.max_retries.unwrap_or(standard.max_retries),
            ..standard
        };
        mistakes.extend(spec.beyond_limits());
        if mistakes.is_empty() { Ok(spec) } else { Err(mistakes.join("; ")) }
    }
}

impl FunctionSpec {
    /// The numbers that are out of their range.
    fn beyond_limits(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        if !(1..=86_400_000).contains(&self.timeout_ms) {
            mistakes.push(format!("`timeoutMs` is {}: 1 to 86400000 is expected", self.timeout_ms));
        }
        if !(1..=10_000).contains(&self.concurrency) {
            mistakes.push(format!("`concurrency` is {}: 1 to 10000 is expected", self.concurrency));
        }
        if self.queue_size > 10_000 {
            mistakes.push(format!("`queueSize` is {}: 0 to 10000 is expected", self.queue_size));
        }
        if !(1..=100).contains(&self.max_retries) {
            mistakes.push(format!("`maxRetries` is {}: 1 to 100 attempts are expected", self.max_retries));
        }
        mistakes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(body: &str) -> Result<FunctionSpec, String> {
        FunctionSpec::try_from(serde_json::from_str::<Registration>(body).unwrap())
    }

    #[test]
    fn what_is_absent_or_null_has_its_default() {
        let url = "http://localhost:1/invoke";
        let spec = register(&format!(
            r#"{{"name":"a","image":"i","endpointUrl":"{url}","timeoutMs":null,"queueSize":0,"other":1}}"#
        ));
        let mut expected = FunctionSpec::at("a".into(), url.into());
        expected.image = "i".into();
        expected.execution_mode = ExecutionMode::Deployment;
        expected.queue_size = 0;
        assert_eq!(spec.unwrap(), expected);
    }

    #[test]
    fn all_mistakes_are_named_at_once() {
        let mistakes =
            register(r#"{"name":"a b","image":" ","timeoutMs":0,"concurrency":0,"maxRetries":0}"#).unwrap_err();
        for part in ["`a b`", "`image`", "`endpointUrl` is missing", "`timeoutMs`", "`concurrency`", "`maxRetries`"] {
            assert!(mistakes.contains(part), "{part}: {mistakes}");
        }
    }
}
