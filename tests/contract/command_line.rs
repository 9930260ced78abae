//! The commands of a function's binary.

use harness::{Function, Gate, free_port};
use serde_json::{Value, json};

#[test]
fn invoke_prints_the_output_and_nothing_else() {
    let ended = Function::run("hello", &["invoke", "\"hello\""], &[], "");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "{\"result\":\"HELLO\"}\n"), "{ended:?}");
}

#[test]
fn invoke_reads_its_input_from_stdin() {
    let ended = Function::run("hello", &["invoke", "-"], &[], "\"from a pipe\"\n");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "{\"result\":\"FROM A PIPE\"}\n"), "{ended:?}");
}

#[test]
fn invoke_reads_its_input_from_a_file() {
    let gate = Gate::new();
    gate.open("\"from a file\"");
    let ended = Function::run("hello", &["invoke", &format!("@{}", gate.path())], &[], "");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "{\"result\":\"FROM A FILE\"}\n"), "{ended:?}");
}

#[test]
fn invoke_takes_the_bare_input_and_no_envelope() {
    let ended = Function::run("probe", &["invoke", r#"{"input":1}"#], &[], "");
    let output: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(output, json!({ "echo": { "input": 1 } }));
}

#[test]
fn invoke_needs_no_port() {
    let taken = Function::start("hello", &[]);
    let port = taken.address().port().to_string();
    assert_eq!(Function::run("hello", &["invoke", "\"x\""], &[("PORT", &port)], "").code, Some(0));
}

#[test]
fn invoke_runs_init() {
    let ended = Function::run("orders", &["invoke", r#"{"item":"pen","quantity":3}"#], &[], "");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "{\"total\":600}\n"), "{ended:?}");
}

#[test]
fn invoke_of_a_function_that_fails_ends_with_its_message_and_code() {
    for (input, words) in [
        (r#"{"fail":"no ink","code":"NO_INK"}"#, ["no ink", "NO_INK"]),
        (r#"{"panic":"no ink"}"#, ["no ink", "HANDLER_PANIC"]),
        (r#"{"sleep_ms":600000}"#, ["timeout of 200ms", "TIMEOUT"]),
        (r#"{"spin_ms":600000}"#, ["timeout of 200ms", "TIMEOUT"]),
    ] {
        let ended = Function::run("probe", &["invoke", input], &[("TIMEOUT_MS", "200")], "");
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{input} {ended:?}");
        for word in words {
            assert!(ended.stderr.contains(word), "{word} {ended:?}");
        }
    }
}

#[test]
fn invoke_with_an_input_that_cannot_be_used_says_why() {
    for (arguments, word) in [
        (&["invoke", "hello"][..], "JSON"),
        (&["invoke", "@/nowhere/in.json"], "/nowhere/in.json"),
        (&["invoke", "7"], "INVALID_INPUT"),
        (&["invoke"], "JSON"),
        (&["invoke", "1", "2"], "2"),
    ] {
        let ended = Function::run("hello", arguments, &[], "");
        assert!(ended.code.is_some_and(|code| code != 0), "{arguments:?} {ended:?}");
        assert!(ended.stderr.contains(word) && ended.stdout.is_empty(), "{arguments:?} {ended:?}");
    }
}

#[test]
fn invoke_lists_mistakes_of_the_configuration() {
    let ended = Function::run("hello", &["invoke", "\"x\""], &[("TIMEOUT_MS", "soon"), ("PORT", "x")], "");
    assert_eq!(ended.code, Some(64), "{ended:?}");
    assert!(ended.stderr.contains("TIMEOUT_MS") && ended.stderr.contains("PORT"), "{ended:?}");
}

#[test]
fn health_asks_the_server_on_this_machine() {
    let hello = Function::start("hello", &[]);
    let port = hello.address().port().to_string();
    assert_eq!(Function::run("hello", &["health"], &[("PORT", &port)], "").code, Some(0));
    assert_eq!(Function::run("hello", &["health"], &[("PORT", &format!(" {port} "))], "").code, Some(0));
}

#[test]
fn health_fails_where_nothing_answers() {
    let ended = Function::run("hello", &["health"], &[("PORT", &free_port().to_string())], "");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(!ended.stderr.is_empty());
}

#[test]
fn health_fails_while_the_function_starts() {
    let gate = Gate::new();
    let port = free_port().to_string();
    let mut function =
        Function::spawn("specimen", &[("FUNCTION_HANDLER", "started"), ("INIT_GATE", &gate.path()), ("PORT", &port)]);
    function.wait_until_listening(port.parse().expect("a number"));
    assert_eq!(Function::run("specimen", &["health"], &[("PORT", &port)], "").code, Some(1));
    gate.open("");
    function.wait_until_ready();
    assert_eq!(Function::run("specimen", &["health"], &[("PORT", &port)], "").code, Some(0));
}

#[test]
fn health_fails_where_something_else_answers() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("its number").port().to_string();
    let other = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a caller");
        let _ = std::io::Write::write_all(&mut stream, b"220 mail.example ESMTP\r\n");
    });
    assert_eq!(Function::run("hello", &["health"], &[("PORT", &port)], "").code, Some(1));
    other.join().expect("the other server");
}

#[test]
fn schema_prints_the_schemas_of_input_and_output() {
    let ended = Function::run("orders", &["schema"], &[], "");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let schema: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let text = schema.to_string();
    for word in ["quantity", "item", "total", "In cents."] {
        assert!(text.contains(word), "{word} is not in {schema:#}");
    }
}

#[test]
fn help_names_every_command_and_variable() {
    for spelling in ["--help", "-h"] {
        let ended = Function::run("hello", &[spelling], &[("PORT", "80a")], "");
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{spelling} {ended:?}");
        for word in ["invoke", "schema", "health", "--version", "PORT", "CALLBACK_URL", "NANOFAAS_SHUTDOWN_TIMEOUT"] {
            assert!(ended.stdout.contains(word), "{word} is not in\n{}", ended.stdout);
        }
    }
}

#[test]
fn version_names_the_binary() {
    let ended = Function::run("hello", &["--version"], &[], "");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.starts_with("hello ") && ended.stdout.contains("nanofaas"), "{ended:?}");
}

#[test]
fn an_unknown_command_is_named_with_those_there_are() {
    for word in ["invok", "--port", "-x", ""] {
        let ended = Function::run("hello", &[word], &[], "");
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(64), ""), "{word:?} {ended:?}");
        assert!(ended.stderr.contains(word) && ended.stderr.contains("invoke"), "{word:?} {ended:?}");
    }
}
