//! Names that resolve to what is never called. `/etc/hosts` is another file for the function alone, in a mount
//! namespace of its own.

use std::process::Command;

use harness::{ControlPlane, Function, Scratch, binary, has_command, quote, skip};

/// Runs a command in namespaces of its own, where its user may mount.
const UNSHARE: [&str; 3] = ["unshare", "--map-root-user", "--mount"];

/// A probe that knows these names; `None`, with a printed reason, where the machine forbids it.
fn probe(hosts: &str, scratch: &Scratch) -> Option<Function> {
    let file = scratch.path().join("hosts");
    std::fs::write(&file, hosts).expect("a file");
    let bind = format!("mount --bind {} /etc/hosts", quote(&file.display().to_string()));
    if !has_command(&[&UNSHARE[..], &["sh", "-c", &bind]].concat()) {
        skip("`unshare --map-root-user --mount` is not there or not allowed: no name can be made up");
        return None;
    }
    let mut command = Command::new(UNSHARE[0]);
    command.args(&UNSHARE[1..]).args(["sh", "-c", &format!("{bind} && exec \"$0\"")]).arg(binary("probe"));
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.envs([("PORT", "0"), ("NANOFAAS_CALLBACK_MAX_ATTEMPTS", "1")]);
    let mut probe = Function::launch(command);
    probe.wait_until_ready();
    Some(probe)
}

#[test]
fn a_name_of_a_refused_address_is_not_called() {
    let scratch = Scratch::new();
    let names = [
        ("169.254.12.34", "four.test", "a link-local address"),
        ("fe80::1", "six.test", "a link-local address"),
        ("::ffff:169.254.12.34", "mapped.test", "a link-local address"),
        ("64:ff9b::a9fe:c22", "translated.test", "a link-local address"),
        ("fd00:ec2::254", "aws.test", "the address of a cloud's metadata service"),
        ("100.100.100.200", "alibaba.test", "the address of a cloud's metadata service"),
        ("168.63.129.16", "azure.test", "the address of a cloud's metadata service"),
    ];
    let hosts = names.iter().map(|(address, name, _)| format!("{address} {name}\n")).collect::<Vec<_>>().concat();
    let Some(mut probe) = probe(&hosts, &scratch) else { return };
    for (_, name, what) in names {
        let url = format!("http://{name}/latest");
        let answer = probe.post(&[("X-Execution-Id", name), ("X-Callback-Url", &url)], r#"{"input":1}"#);
        assert_eq!(answer.status, 200, "{name}");
        let lost = probe.wait_for_log("a lost callback", |line| {
            line["execution_id"] == name && line["message"].as_str().is_some_and(|text| text.starts_with("callback"))
        });
        let reason = lost["reason"].as_str().unwrap_or_default();
        assert_eq!(reason, format!("the host {name} resolves to {what}, which is never called"), "{lost}");
    }
    probe.signal("TERM");
    let _ = probe.wait();
}

#[test]
fn of_a_name_with_several_addresses_only_the_others_are_called() {
    let (scratch, plane) = (Scratch::new(), ControlPlane::start());
    let hosts = "169.254.12.34 both.test\n127.0.0.1 both.test\nfe80::1 both.test\n";
    let Some(mut probe) = probe(hosts, &scratch) else { return };
    let url = plane.url("/x").replace("127.0.0.1", "both.test");
    for number in 0..3 {
        let id = format!("e-{number}");
        assert_eq!(probe.post(&[("X-Execution-Id", &id), ("X-Callback-Url", &url)], r#"{"input":1}"#).status, 200);
        assert!(plane.accepted(&id).success());
    }
    probe.stop();
    assert!(probe.log().iter().all(|line| !line.contains("169.254")), "{:#?}", probe.log());
}
