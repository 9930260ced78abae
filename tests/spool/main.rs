//! Callbacks that are on disk before their answer leaves: they outlive the process, the control plane's
//! absence and a full disk, and are delivered once all is well again.

mod command_list;
mod command_replay;
mod dead_letters;
mod durability;
mod foreign;
mod full_disk;
mod hosts;
mod layout;
mod metrics;
mod one_shot;
mod one_shot_again;
mod order;
mod retries;
mod starting;
mod stop;
mod subject;
mod take_over;
mod taken_away;
mod vanished;

use harness::{FlakyPlane, Function, Spool};

/// `probe` with this spool and callbacks to this control plane.
fn probe(plane: &FlakyPlane, spool: &Spool, extra: &[(&str, &str)]) -> Function {
    started("probe", plane, spool, extra)
}

/// Any function with this spool and callbacks to this control plane.
fn started(name: &str, plane: &FlakyPlane, spool: &Spool, extra: &[(&str, &str)]) -> Function {
    let (url, path) = (plane.callback_url(), spool.path());
    let own = [("CALLBACK_URL", url.as_str()), ("NANOFAAS_CALLBACK_SPOOL_DIR", path.as_str())];
    Function::start(name, &[&own, extra].concat())
}

/// Invokes under these ids; each is answered with 200.
fn invoke_all(function: &Function, ids: &[&str]) {
    for id in ids {
        let answer = function.invoke(id, &serde_json::json!({ "n": id }));
        assert_eq!(answer.status, 200, "{id} {}", answer.text());
    }
}

/// Ends it at once, as a crash does.
fn kill(function: &mut Function) {
    function.signal("KILL");
    assert_eq!(function.wait().code(), None);
}
