//! Connections on which nothing happens: who gives way to a new client, and who is given up.

use harness::{Connection, ControlPlane, Function, Gate, Process, eventually};

const ID: [(&str, &str); 1] = [("X-Execution-Id", "e-1")];
const REQUEST: &str =
    "POST /invoke HTTP/1.1\r\nhost: f\r\nx-execution-id: e-1\r\ncontent-length: 13\r\n\r\n{\"input\":\"x\"}";

fn use_once(connection: &mut Connection) {
    assert_eq!(connection.request("POST", "/invoke", &ID, br#"{"input":"x"}"#).status, 200);
}

/// Waits longer than a head and a body may take.
fn let_time_pass(probe: &Function) {
    for _ in 0..4 {
        let mut slow = probe.connect();
        slow.send(b"POST /invoke HTTP/1.1\r\nhost: f\r\nx-execution-id: e-2\r\ncontent-length: 50\r\n\r\n{");
        assert_eq!(slow.answer().expect("an answer").status, 408);
    }
}

#[test]
fn at_the_limit_the_connection_that_is_idle_longest_gives_way() {
    let probe = Function::start("probe", &[("NANOFAAS_MAX_CONNECTIONS", "4")]);
    let mut silent = probe.connect();
    let mut begun = probe.connect();
    begun.send(b"POST /invoke HT");
    let (mut early, mut late) = (probe.connect(), probe.connect());
    use_once(&mut late);
    use_once(&mut early);
    use_once(&mut late);
    let mut newer = Vec::new();
    for gives_way in [&mut silent, &mut begun, &mut early] {
        let mut new = probe.connect();
        use_once(&mut new);
        assert!(gives_way.closed_silently());
        newer.push(new);
    }
    use_once(&mut late);
    newer.iter_mut().for_each(use_once);
}

#[test]
fn a_request_in_progress_never_gives_way_and_its_connection_does_behind_the_answer() {
    let function = Function::start("specimen", &[("FUNCTION_HANDLER", "gate"), ("NANOFAAS_MAX_CONNECTIONS", "1")]);
    let gate = Gate::new();
    let mut busy = function.connect();
    busy.begin(&ID, &gate.body());
    gate.wait_until_entered();
    let mut new = function.connect();
    new.send(b"GET /health HTTP/1.1\r\nhost: f\r\n\r\n");
    gate.open("");
    assert_eq!(busy.answer().expect("an answer").status, 200);
    assert_eq!(new.answer().expect("an answer").status, 200);
    assert!(busy.closed_silently());
}

#[test]
fn many_clients_share_few_connections() {
    let probe = Function::start("probe", &[("NANOFAAS_MAX_CONNECTIONS", "3")]);
    let kept: Vec<_> = (0..200)
        .map(|_| {
            let mut connection = probe.connect();
            use_once(&mut connection);
            connection
        })
        .collect();
    assert_eq!(probe.get("/health").status, 200);
    let closed = kept.into_iter().rev().skip(3).all(|mut connection| connection.closed_silently());
    assert!(closed, "all but the last three");
}

#[test]
fn a_head_that_begins_behind_a_request_has_its_time_too() {
    let probe = Function::start("probe", &[("NANOFAAS_BODY_READ_TIMEOUT", "200")]);
    for begin in ["P", "POST /invoke HTTP/1.1\r\nx-execution-id: e-2\r\n"] {
        let mut connection = probe.connect();
        connection.send(format!("{REQUEST}{REQUEST}{begin}").as_bytes());
        for _ in 0..2 {
            assert_eq!(connection.answer().expect("an answer").status, 200);
        }
        assert!(connection.closed_silently(), "{begin:?}");
    }
}

#[test]
fn a_head_that_begins_behind_a_request_may_end_later() {
    let probe = Function::start("probe", &[]);
    let mut connection = probe.connect();
    let (begin, end) = REQUEST.split_at(20);
    connection.send(format!("{REQUEST}{begin}").as_bytes());
    assert_eq!(connection.answer().expect("an answer").status, 200);
    connection.send(end.as_bytes());
    assert_eq!(connection.answer().expect("an answer").status, 200);
}

#[test]
fn an_empty_line_behind_a_request_is_not_the_begin_of_another() {
    let probe = Function::start("probe", &[("NANOFAAS_BODY_READ_TIMEOUT", "200")]);
    let mut connection = probe.connect();
    connection.send(format!("{REQUEST}\r\n").as_bytes());
    assert_eq!(connection.answer().expect("an answer").status, 200);
    let_time_pass(&probe);
    use_once(&mut connection);
    connection.send(b"\r\n");
    let_time_pass(&probe);
    use_once(&mut connection);
}

#[test]
fn an_answer_that_nobody_reads_is_given_up() {
    let probe = Function::start("probe", &[("NANOFAAS_BODY_READ_TIMEOUT", "100")]);
    assert_eq!(probe.get("/health").status, 200);
    let process = Process(probe.id());
    let before = eventually("an end of that connection", || {
        let idle = process.descriptors();
        (idle == process.descriptors()).then_some(idle)
    });
    let mut connection = probe.connect();
    let body = r#"{"input":{"blob_bytes":1000000}}"#;
    let one = format!("POST /invoke HTTP/1.1\r\nx-execution-id: e-1\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    // Far more than sockets hold.
    connection.send(one.repeat(64).as_bytes());
    probe.wait_for_log("an invocation", |line| line["message"] == "invocation");
    eventually("the connection's end", || (process.descriptors() <= before).then_some(()));
    drop(connection);
}

#[test]
fn a_client_that_closes_behind_a_whole_request_has_sent_it() {
    let plane = ControlPlane::start();
    let hello = Function::start("hello", &[("CALLBACK_URL", &plane.callback_url())]);
    for (number, length) in [1, 10, 10_000, 300_000].into_iter().cycle().take(40).enumerate() {
        let id = format!("e-{number}");
        hello.connect().begin(&[("X-Execution-Id", &id)], &format!(r#"{{"input":"{}"}}"#, "x".repeat(length)));
        assert!(plane.accepted(&id).success(), "{length}");
    }
}
