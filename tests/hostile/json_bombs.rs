//! Small bodies that become large in careless readers: the memory stays a small multiple of what was sent.

use harness::{Function, Process, Watchdog};

/// Bytes of each body.
const SIZE: usize = 1 << 20;
/// How many times its body a process may grow: it holds the text, its keys, and the text of the answer.
const TIMES: u64 = 32;

/// Bodies of about this size, with the status of each where a function takes any value.
fn bodies() -> Vec<(&'static str, Vec<u8>, u16)> {
    let fill = |part: &str| part.repeat(SIZE / part.len());
    let object = |inside: String| format!("{{\"input\":{inside}}}").into_bytes();
    let keys = (0..SIZE / 12).map(|number| format!("\"{number}\":0,")).collect::<Vec<_>>().concat();
    let escaped_keys = (0..SIZE / 24).map(|number| format!("\"\\u0061{number}\":[],")).collect::<Vec<_>>().concat();
    let gzip = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &vec![0; SIZE]].concat();
    vec![
        ("nested arrays", object(fill("[")), 400),
        ("nested arrays, closed", object(format!("{}{}", "[".repeat(SIZE / 2), "]".repeat(SIZE / 2))), 400),
        ("nested objects", object(fill("{\"a\":")), 400),
        ("many keys", object(format!("{{{keys}\"last\":0}}")), 200),
        ("many keys with escapes", object(format!("{{{escaped_keys}\"last\":0}}")), 200),
        ("many empty arrays", object(format!("[{}0]", fill("[],"))), 200),
        ("many numbers", object(format!("[{}0]", fill("1,"))), 200),
        ("the same key", object(format!("{{{}\"a\":0}}", fill("\"a\":0,"))), 400),
        ("the same key at the end", object(format!("{{{keys}\"0\":0}}")), 400),
        ("a long number", object(fill("7")), 400),
        ("a long fraction", object(format!("0.{}", fill("7"))), 200),
        ("a huge exponent", object("1e999999".to_owned()), 400),
        ("a long exponent", object(format!("1e{}", fill("9"))), 400),
        ("a long negative exponent", object(format!("1e-{}", fill("9"))), 200),
        ("escapes", object(format!("\"{}\"", fill("\\u0041"))), 200),
        ("halves of surrogates", object(format!("\"{}\"", fill("\\ud800"))), 400),
        ("a string without an end", object(format!("\"{}", fill("x"))), 400),
        ("white space", object(format!("{}1", fill(" "))), 200),
        ("a long unknown key", format!("{{\"{}\":1}}", fill("k")).into_bytes(), 200),
        ("something compressed", gzip, 400),
    ]
}

/// Sends all bodies; the process's memory stays within bounds.
fn holds(function: &Function, process: Process, expected: impl Fn(u16) -> u16) {
    let limit = process.memory_at_most() + TIMES * SIZE as u64 / 1024;
    for (name, body, status) in bodies() {
        let answer = function.post(&[("X-Execution-Id", "e-1"), ("Content-Encoding", "gzip")], &body);
        assert_eq!(answer.status, expected(status), "{name}");
        assert_eq!(function.get("/health").status, 200, "{name}");
        let most = process.memory_at_most();
        assert!(most < limit, "{name}: {most} KiB and not {limit}");
    }
}

/// The bodies above are a little larger than their size.
const LIMITS: [(&str, &str); 2] = [("NANOFAAS_MAX_INPUT_BYTES", "2000000"), ("NANOFAAS_MAX_OUTPUT_BYTES", "8000000")];

#[test]
fn a_function_holds_no_more_than_a_multiple_of_a_body_that_does_not_fit() {
    let orders = Function::start("orders", &LIMITS);
    holds(&orders, Process(orders.id()), |_| 400);
}

#[test]
fn a_watchdog_holds_no_more_than_a_multiple_of_a_body() {
    for mode in ["STDIO", "HTTP", "WORKER"] {
        let watchdog = Watchdog::with_child(mode, &LIMITS);
        holds(&watchdog, watchdog.process(), |status| status);
    }
}

#[test]
fn a_function_that_takes_any_value_answers_or_refuses_each_body() {
    let probe = Function::start("probe", &LIMITS);
    for (name, body, status) in bodies() {
        assert_eq!(probe.post(&[("X-Execution-Id", "e-1")], &body).status, status, "{name}");
        assert_eq!(probe.get("/health").status, 200, "{name}");
    }
}
