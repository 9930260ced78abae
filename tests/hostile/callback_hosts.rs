//! Callback URLs that would make the function a client of what its caller cannot reach.

use std::io::{Read, Write};
use std::net::TcpListener;

use harness::{ControlPlane, Function};

/// Invokes with this callback URL; the status and the body.
fn with_url(function: &Function, url: &str) -> (u16, String) {
    let answer = function.post(&[("X-Execution-Id", "e-1"), ("X-Callback-Url", url)], r#"{"input":1}"#);
    if answer.status != 200 {
        assert_eq!(answer.refusal(), (400, "INVALID_CALLBACK_URL".to_owned()), "{url}");
    }
    (answer.status, answer.text())
}

/// Answers one request with these bytes, from now on; where it listens.
fn answering(bytes: String) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let url = format!("http://{}/x", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(bytes.as_bytes());
        }
    });
    url
}

#[test]
fn no_redirect_of_any_kind_is_followed() {
    let elsewhere = ControlPlane::start();
    let mut probe = Function::start("probe", &[("NANOFAAS_CALLBACK_MAX_ATTEMPTS", "1")]);
    let kinds = [300, 301, 302, 303, 307, 308];
    for kind in kinds {
        for header in ["location", "refresh: 0; url", "content-location", "alt-svc"] {
            let target = elsewhere.url("/x:complete");
            let url =
                answering(format!("HTTP/1.1 {kind} Elsewhere\r\n{header}: {target}\r\ncontent-length: 0\r\n\r\n"));
            assert_eq!(with_url(&probe, &url).0, 200);
        }
    }
    probe.wait_for_metric("callback_drops_total", &[], 4 * u32::try_from(kinds.len()).expect("a number"));
    probe.signal("TERM");
    let _ = probe.wait();
    assert!(elsewhere.completions().is_empty(), "{:?}", elsewhere.completions());
}

#[test]
fn metadata_services_are_refused_in_every_spelling() {
    let probe = Function::start("probe", &[]);
    for host in [
        "[fd00:ec2::254]",
        "[fd00:0ec2:0:0::0254]:80",
        "[fd20:ce::254]",
        "100.100.100.200",
        "1684301000",
        "0x64.0x64.0x64.0xc8",
        "192.0.0.192",
        "0300.0.0.0300",
        "168.63.129.16",
        "168.63.33040",
        "[::ffff:100.100.100.200]",
        "[64:ff9b::c000:00c0]",
        "169.254.169.254.",
        "169\u{3002}254\u{ff0e}169\u{ff61}254",
        "\u{ff11}\u{ff16}\u{ff19}.254.169.254",
        "169.254.169.254%2e",
        "%31%36%39.254.169.254",
        "a@169.254.169.254",
        "a:b@169.254.169.254:80",
        "127.0.0.1@169.254.169.254",
        "127.0.0.1\t@169.254.169.254",
        "16\t9.254.169.254",
        "[fe80::1]",
        "[FE80:0:0::1]",
        "[::169.254.169.254]",
        "[2002:a9fe:a9fe::]",
    ] {
        let (status, text) = with_url(&probe, &format!("http://{host}/latest"));
        assert_eq!(status, 400, "{host}");
        assert!(text.contains("never called"), "{host}: {text}");
    }
}

#[test]
fn what_is_no_host_is_refused() {
    let probe = Function::start("probe", &[]);
    for url in [
        "http://[fe80::1%25eth0]/x",
        "http://[fe80::1%eth0]/x",
        "http://[::ffff:169.254.169.254",
        "http://1.2.3.4.5/x",
        "http://256.256.256.256/x",
        "http://0x100000000/x",
        "http://a b/x",
        "http://a%00b/x",
        "http://a%0d%0ab/x",
        "http://a`b/x",
        "http://a\"b/x",
        "http://{a}/x",
        "http://a|b/x",
        "http://a^b/x",
        "http://xn--/x",
        "http://cp:65536/x",
        "http://cp:-1/x",
        "http:///",
        "http:?x",
        "//cp/x",
        "gopher://cp/x",
        "unix:/run/docker.sock",
        "data:,x",
        "javascript:x",
        "jar:http://cp!/x",
    ] {
        assert_eq!(with_url(&probe, url).0, 400, "{url}");
    }
}

#[test]
fn the_host_that_is_called_is_the_one_that_the_list_allows() {
    let (inside, outside) = (ControlPlane::start(), ControlPlane::start());
    let mut probe = Function::start("probe", &[("NANOFAAS_CALLBACK_ALLOW", &inside.host())]);
    let (own, other) = (inside.host(), outside.host());
    let port = own.rsplit(':').next().unwrap_or_default().to_owned();
    for (number, url) in [
        format!("http://{own}\\@{other}/x"),
        format!("http:\\\\{own}\\x"),
        format!("http:/{own}/x"),
        format!("http:{own}/x"),
        format!("http://{}/x", own.replace(':', "\t:")),
        format!("http://{other}@{own}/x"),
        format!("http://{other}%2f@{own}/x"),
        format!("http://127\u{3002}0\u{ff0e}0\u{ff61}1:{port}/x"),
        format!("http://2130706433:{port}/x"),
        format!("http://0x7f.1:{port}/x"),
        format!("http://0177.0.0.1:0{port}/x"),
        format!("http://{own}/x?@{other}/"),
        format!("http://{own}/x#@{other}/"),
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(with_url(&probe, url).0, 200, "{url}");
        assert_eq!(inside.arrived("e-1", number + 1).len(), number + 1, "{url}");
    }
    for url in [
        format!("http://{own}@{other}/x"),
        format!("http://{other}/x"),
        format!("http://{other}\\@{own}/x"),
        format!("http://{other}/@{own}/x"),
        format!("http://{other}?@{own}/x"),
        format!("http://{other}#@{own}/x"),
        format!("http://{other}\t@{own}.evil/x"),
        format!("http://127.0.0.1.:1{port}/x"),
        format!("http://[::ffff:127.0.0.1]:{port}/x"),
        "http://127.0.0.1/x".to_owned(),
    ] {
        let (status, text) = with_url(&probe, &url);
        assert_eq!(status, 400, "{url}");
        assert!(text.contains("NANOFAAS_CALLBACK_ALLOW") || text.contains("not a URL"), "{url}: {text}");
    }
    assert!(with_url(&probe, "http://127.0.0.1/x").1.contains("127.0.0.1 with port 80"));
    probe.stop();
    assert!(outside.completions().is_empty(), "{:?}", outside.completions());
}

#[test]
fn a_password_in_a_callback_url_is_in_no_log() {
    let plane = ControlPlane::start();
    let mut probe = Function::start("probe", &[("NANOFAAS_CALLBACK_MAX_ATTEMPTS", "2"), ("RUST_LOG", "debug")]);
    let taken = plane.url("/x?token=s3cret").replace("http://", "http://user:s3cret@");
    let closed = {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        format!("http://user:s3cret@{}/x?token=s3cret", listener.local_addr().expect("an address"))
    };
    let odd = answering("HTTP/1.1 400 No\r\ncontent-length: 0\r\n\r\n".to_owned()).replace("http://", "http://s3cret@");
    let broken = answering("nonsense\r\n\r\n".to_owned()).replace("http://", "http://:s3cret@");
    let unknown = "http://user:s3cret@name.invalid/s3cret";
    for url in [&taken, &closed, &odd, &broken, unknown] {
        assert_eq!(with_url(&probe, url).0, 200, "{url}");
    }
    for url in ["http://user:s3cret@169.254.169.254/x", "http://user:s3cret@[/x", "ftp://user:s3cret@cp/x"] {
        assert_eq!(with_url(&probe, url).0, 400, "{url}");
    }
    assert!(plane.accepted("e-1").success());
    probe.wait_for_metric("callback_drops_total", &[], 4);
    probe.signal("TERM");
    let _ = probe.wait();
    assert!(probe.log().iter().all(|line| !line.contains("s3cret")), "{:#?}", probe.log());
}
