//! Code for a kernel, and what it answered.

use serde_json::{Value, json};

use crate::Gate;

/// A request of Flowfile's `/execute`.
///
/// # Panics
///
/// Where `keys` is no object.
#[must_use]
pub fn flow(node: impl Into<Value>, code: &str, keys: &Value) -> Value {
    let mut request = json!({ "node_id": node.into(), "code": code });
    extend(&mut request, keys);
    request
}

/// Adds the keys of one object to another one.
pub(crate) fn extend(object: &mut Value, keys: &Value) {
    for (key, value) in keys.as_object().expect("an object") {
        object[key] = value.clone();
    }
}

/// Python that says at the gate who it is and waits there.
#[must_use]
pub fn wait_at(gate: &Gate) -> String {
    let path = json!(gate.path());
    format!(
        "import os as _os, time as _time\n\
         with open({path} + '.entered', 'w') as _file: _file.write(str(_os.getpid()))\n\
         while not _os.path.exists({path}): _time.sleep(0.005)"
    )
}

/// All that came on stdout, from an answer with `outputs`.
#[must_use]
pub fn stdout(answer: &Value) -> String {
    stream(answer, "stdout")
}

/// All that came on stderr.
#[must_use]
pub fn stderr(answer: &Value) -> String {
    stream(answer, "stderr")
}

fn stream(answer: &Value, name: &str) -> String {
    let outputs = answer["outputs"].as_array().into_iter().flatten();
    let streams = outputs.filter(|output| output["type"] == "stream" && output["name"] == name);
    streams.filter_map(|output| output["text"].as_str()).collect()
}

/// The only output of this type.
///
/// # Panics
///
/// Where there is another number of them.
#[must_use]
pub fn one(answer: &Value, kind: &str) -> Value {
    let outputs = answer["outputs"].as_array().unwrap_or_else(|| panic!("no outputs: {answer}"));
    let found: Vec<_> = outputs.iter().filter(|output| output["type"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind} in {answer:#}");
    found[0].clone()
}

/// The name and the value of the only error.
///
/// # Panics
///
/// Where there is another number of them, or it has none.
#[must_use]
pub fn error(answer: &Value) -> (String, String) {
    let error = one(answer, "error");
    let text = |key: &str| error[key].as_str().unwrap_or_else(|| panic!("no {key}: {error}")).to_owned();
    (text("name"), text("value"))
}
