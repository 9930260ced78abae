//! Callbacks over TLS, to a real TLS server whose authority nobody knows: `--features https`.

mod authority;
mod server;

use std::process::Command;

use authority::Authority;
use harness::{ControlPlane, Ended, Function, Receiver, Scratch};
use server::Server;

/// Runs one invocation, whose callback has one attempt, to its end. The system's authorities are taken away: what an
/// image without any has is what is bundled.
fn run(callback_url: &str, extra: &[(&str, &str)]) -> Ended {
    let none = Scratch::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_specimen"));
    command.env_clear().env("SSL_CERT_DIR", none.path()).envs([
        ("FUNCTION_HANDLER", "nothing"),
        ("EXECUTION_ID", "e-1"),
        ("CALLBACK_URL", callback_url),
        ("INVOCATION_PAYLOAD", "{}"),
        ("NANOFAAS_CALLBACK_MAX_ATTEMPTS", "1"),
        ("NANOFAAS_CALLBACK_ALLOW", "localhost"),
        ("NANOFAAS_CALLBACK_TOKEN", "s3cr3t"),
    ]);
    command.envs(extra.iter().copied());
    Function::run_command(command, "")
}

/// The callback is lost, and the log says why and what to do.
fn is_lost(ended: &Ended, parts: &[&str]) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let lost = ended.stderr.lines().find(|line| line.contains("callback lost"));
    let line: serde_json::Value = serde_json::from_str(lost.expect("a line of the log")).expect("JSON");
    let reason = line["reason"].as_str().expect("a reason");
    for part in parts {
        assert!(reason.contains(part), "{part} is not in: {reason}");
    }
    assert!(!ended.stderr.contains("s3cr3t"), "{ended:?}");
}

#[test]
fn an_authority_of_ones_own_is_trusted_through_a_file() {
    let Some(authority) = Authority::named("nobody") else { return };
    let server = Server::start(&authority.certificate("localhost"));
    let ended = run(&server.url(), &[("SSL_CERT_FILE", &authority.file())]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(server.request(), "POST /x/e-1:complete Bearer s3cr3t");
}

#[test]
fn an_authority_that_nobody_knows_is_named_as_the_reason() {
    let Some(authority) = Authority::named("nobody") else { return };
    let server = Server::start(&authority.certificate("localhost"));
    is_lost(&run(&server.url(), &[]), &["authority that is not trusted here", "SSL_CERT_FILE"]);
    // The last one is what becomes of an authority that was made anew.
    for name in ["somebody else", "nobody"] {
        let other = Authority::named(name).expect("there was one");
        let ended = run(&server.url(), &[("SSL_CERT_FILE", &other.file())]);
        is_lost(&ended, &["authority that is not trusted here", "SSL_CERT_FILE"]);
    }
}

#[test]
fn a_certificate_of_another_host_is_named_as_the_reason() {
    let Some(authority) = Authority::named("nobody") else { return };
    let server = Server::start(&authority.certificate("control-plane.example"));
    let ended = run(&server.url(), &[("SSL_CERT_FILE", &authority.file())]);
    is_lost(&ended, &["not made for the host", "localhost", "control-plane.example"]);
}

#[test]
fn a_certificate_that_has_expired_is_named_as_the_reason() {
    let Some(authority) = Authority::named("nobody") else { return };
    let server = Server::start(&authority.expired("localhost"));
    let ended = run(&server.url(), &[("SSL_CERT_FILE", &authority.file())]);
    is_lost(&ended, &["has expired: renew it"]);
}

#[test]
fn a_control_plane_that_does_not_speak_tls_is_named_as_the_reason() {
    // One answers what it does not understand, the other one hangs up.
    let (answers, hangs_up) = (ControlPlane::start(), Receiver::start());
    for plain in [answers.url("/x"), hangs_up.url("/x")] {
        let url = plain.replace("http://127.0.0.1", "https://localhost");
        is_lost(&run(&url, &[]), &["does not speak TLS on this port", "http://"]);
    }
}

#[test]
fn a_file_without_certificates_is_a_mistake_at_the_start() {
    let scratch = Scratch::new();
    let file = |name: &str, text: &str| {
        let path = scratch.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    for (path, reason) in [
        ("/nowhere/ca.pem".to_owned(), "the file cannot be read: No such file"),
        (scratch.path().display().to_string(), "the file cannot be read"),
        (file("empty", ""), "there is no certificate in the file"),
        (file("text", "not a certificate"), "there is no certificate in the file"),
        (file("half", "-----BEGIN CERTIFICATE-----\nAAAA\n"), "the file cannot be read as PEM"),
    ] {
        let ended = run("https://localhost/x", &[("SSL_CERT_FILE", &path)]);
        assert_eq!(ended.code, Some(64), "{path} {ended:?}");
        for part in ["SSL_CERT_FILE", &path, reason] {
            assert!(ended.stderr.contains(part), "{part} {ended:?}");
        }
    }
}
