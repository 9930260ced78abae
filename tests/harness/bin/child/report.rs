//! What a child sees of itself.

use std::collections::BTreeMap;
use std::os::unix::process::parent_id;
use std::sync::OnceLock;

use serde_json::{Value, json};

/// Descriptors beyond stderr that were open when the program began, with what they lead to.
static DESCRIPTORS: OnceLock<BTreeMap<String, String>> = OnceLock::new();

/// To be called before anything is opened.
pub(crate) fn remember_the_start() {
    let own = format!("/proc/{}/fd", std::process::id());
    let open = std::fs::read_dir("/proc/self/fd").expect("a list of descriptors").flatten();
    let open = open.filter_map(|entry| {
        let target = std::fs::read_link(entry.path()).ok()?.display().to_string();
        let number = entry.file_name().into_string().ok()?;
        // The list itself is open while it is read.
        (target != own && !["0", "1", "2"].contains(&number.as_str())).then_some((number, target))
    });
    let _ = DESCRIPTORS.set(open.collect());
}

pub(crate) fn report(payload: &Value, headers: &[(String, String)]) -> Value {
    let environment: BTreeMap<String, String> = std::env::vars().collect();
    json!({
        "pid": std::process::id(),
        "parent": parent_id(),
        "arguments": std::env::args().skip(1).collect::<Vec<_>>(),
        "environment": environment,
        "descriptors": DESCRIPTORS.get(),
        "payload": payload,
        "headers": headers.iter().cloned().collect::<BTreeMap<_, _>>(),
    })
}
