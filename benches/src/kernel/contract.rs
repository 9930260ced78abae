//! The two contracts, as far as a measurement speaks them.

use serde_json::{Value, json};

use crate::http::Answer;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Contract {
    Executor,
    Flowfile,
}

/// What code did, in either contract.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) stdout: String,
    /// The exception's type, and what it says.
    pub(crate) error: Option<String>,
    pub(crate) truncated: bool,
}

impl Contract {
    /// As `KERNEL_API` calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Executor => "executor",
            Self::Flowfile => "flowfile",
        }
    }

    /// Code, for one of several flows. With the executor's contract these are sessions, where there is more than one.
    pub(crate) fn request(self, flow: usize, has_sessions: bool, code: &str) -> (String, Value) {
        match self {
            Self::Executor if has_sessions && flow > 0 => (format!("/session/{flow}/execute"), json!({ "code": code })),
            Self::Executor => ("/execute".into(), json!({ "code": code })),
            Self::Flowfile => ("/execute".into(), json!({ "node_id": 1, "flow_id": flow, "code": code })),
        }
    }

    /// Reads an answer; anything but a 200 with the contract's fields is a mistake.
    pub(crate) fn said(self, answer: &Answer) -> Result<Said, String> {
        let excerpt = || String::from_utf8_lossy(&answer.body[..answer.body.len().min(200)]).into_owned();
        if answer.status != 200 {
            return Err(format!("status {}: {}", answer.status, excerpt()));
        }
        let body: Value = serde_json::from_slice(&answer.body).map_err(|error| format!("{error}: {}", excerpt()))?;
        let said = match self {
            Self::Executor => outputs(&body),
            Self::Flowfile => fields(&body),
        };
        said.ok_or_else(|| format!("not the contract's answer: {}", excerpt()))
    }
}

fn outputs(body: &Value) -> Option<Said> {
    let outputs = body.get("outputs")?.as_array()?;
    let text = |output: &Value, key: &str| output[key].as_str().unwrap_or_default().to_owned();
    let stdout = outputs.iter().filter(|output| output["name"] == "stdout").map(|output| text(output, "text"));
    let error = outputs.iter().find(|output| output["type"] == "error");
    Some(Said {
        stdout: stdout.collect(),
        error: error.map(|error| format!("{}: {}", text(error, "name"), text(error, "value"))),
        truncated: body["stdout_truncated"] == true,
    })
}

fn fields(body: &Value) -> Option<Said> {
    let success = body.get("success")?.as_bool()?;
    Some(Said {
        stdout: body.get("stdout")?.as_str()?.to_owned(),
        error: (!success).then(|| body["error"].as_str().unwrap_or_default().to_owned()),
        truncated: body["stdout_truncated"] == true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(contract: Contract, body: &Value) -> Said {
        contract.said(&Answer { status: 200, body: body.to_string().into_bytes() }).unwrap()
    }

    #[test]
    fn both_contracts_say_the_same() {
        let stream = json!({"type": "stream", "name": "stdout", "text": "2\n"});
        let error = json!({"type": "error", "name": "KeyError", "value": "'x'", "traceback": []});
        let executor = said(Contract::Executor, &json!({"outputs": [stream, error], "stdout_truncated": true}));
        let body = json!({"success": false, "stdout": "2\n", "error": "KeyError: 'x'", "stdout_truncated": true});
        let flowfile = said(Contract::Flowfile, &body);
        for said in [executor, flowfile] {
            assert_eq!((said.stdout.as_str(), said.error.as_deref()), ("2\n", Some("KeyError: 'x'")));
            assert!(said.truncated);
        }
    }

    #[test]
    fn a_refusal_is_not_taken_for_an_answer() {
        let refusal = Answer { status: 503, body: br#"{"detail":"starting"}"#.to_vec() };
        assert!(Contract::Executor.said(&refusal).unwrap_err().contains("starting"));
    }
}
