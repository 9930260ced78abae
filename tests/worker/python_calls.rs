//! Handlers in Python: what they get, and what becomes of what they return.

use harness::{ControlPlane, Gate, Handlers, Process, Watchdog};
use serde_json::{Value, json};

fn output(watchdog: &Watchdog, input: &Value) -> Value {
    let answer = watchdog.invoke("e-1", input);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[test]
fn it_gets_the_whole_request_and_its_result_is_the_output() {
    let Some(handlers) = Handlers::python("def handle(request): return request\n") else { return };
    let watchdog = handlers.start(&[]);
    for input in [json!("größe\u{2028}\n\u{0}"), json!([1, 2.5, null, true]), json!({ "a": { "b": [] } }), json!(null)]
    {
        let body = json!({ "input": input, "metadata": { "m": 1 } });
        let answer = watchdog.post(&[("X-Execution-Id", "e-1")], body.to_string());
        assert_eq!((answer.status, answer.json()), (200, body));
    }
}

#[test]
fn what_it_returns_may_be_any_json() {
    let Some(handlers) = Handlers::python("def handle(request): return eval(request['input'])\n") else { return };
    let watchdog = handlers.start(&[]);
    for (code, expected) in [
        ("None", json!(null)),
        ("True", json!(true)),
        ("42", json!(42)),
        ("'größe'", json!("größe")),
        ("(1, 2)", json!([1, 2])),
        ("{'a': {1: 2}}", json!({ "a": { "1": 2 } })),
        ("'\\n\\u2028'", json!("\n\u{2028}")),
    ] {
        assert_eq!(output(&watchdog, &json!(code)), expected, "{code}");
    }
    assert!(watchdog.metric("child_restarts_total", &[]) < 0.5);
}

#[test]
fn an_async_one_is_awaited() {
    let source = "import asyncio\nlast = []\n\
        async def handle(request):\n    last.append(asyncio.current_task() is not None)\n    \
        await asyncio.sleep(0)\n    return [request['input'], last[-1], len(last)]\n";
    let Some(handlers) = Handlers::python(source) else { return };
    let watchdog = handlers.start(&[]);
    assert_eq!(output(&watchdog, &json!("a")), json!(["a", true, 1]));
    assert_eq!(output(&watchdog, &json!("b")), json!(["b", true, 2]));
}

#[test]
fn what_an_async_one_shares_between_calls_works_on() {
    let source = "import asyncio\nlock = None\n\
        async def handle(request):\n    global lock\n    lock = lock or asyncio.Lock()\n    \
        async with lock:\n        await asyncio.sleep(0)\n        return request['input']\n";
    let Some(handlers) = Handlers::python(source) else { return };
    let watchdog = handlers.start(&[]);
    for number in 0..3 {
        assert_eq!(output(&watchdog, &json!(number)), number);
    }
}

#[test]
fn state_stays_between_calls() {
    let source = "calls = 0\ndef handle(request):\n    global calls\n    calls += 1\n    return calls\n";
    let Some(handlers) = Handlers::python(source) else { return };
    let watchdog = handlers.start(&[]);
    for number in 1..4 {
        assert_eq!(output(&watchdog, &json!(null)), number);
    }
}

#[test]
fn another_function_may_be_named() {
    let source =
        "def handle(request): return 'handle'\ndef buy(request): return 'buy'\nsell = lambda request: 'sell'\n";
    let Some(handlers) = Handlers::python(source) else { return };
    for (extra, expected) in [
        (&[][..], "handle"),
        (&[("HANDLER_FUNCTION", "")], "handle"),
        (&[("HANDLER_FUNCTION", "buy")], "buy"),
        (&[("HANDLER_FUNCTION", "sell")], "sell"),
    ] {
        assert_eq!(output(&handlers.start(extra), &json!(null)), expected);
    }
}

#[test]
fn an_object_that_can_be_called_is_a_function_too() {
    let source = "class Handler:\n    def __call__(self, request): return request['input']\nhandle = Handler()\n";
    let Some(handlers) = Handlers::python(source) else { return };
    assert_eq!(output(&handlers.start(&[]), &json!(7)), 7);
}

#[test]
fn a_result_that_looks_like_an_error_stays_a_result() {
    let Some(handlers) = Handlers::python("def handle(request): return {'error': request['input']}\n") else { return };
    let plane = ControlPlane::start();
    let watchdog = handlers.start(&[("CALLBACK_URL", &plane.callback_url())]);
    assert_eq!(output(&watchdog, &json!("none at all")), json!({ "error": "none at all" }));
    let callback = plane.accepted("e-1");
    assert_eq!((callback.success(), callback.output()), (true, &json!({ "error": "none at all" })));
}

#[test]
fn an_envelope_sets_status_and_headers() {
    let source = "def handle(request):\n    return {'__nanofaas_envelope__': True, 'output': [1], \
                  'statusCode': 201, 'headers': {'location': '/things/7'}}\n";
    let Some(handlers) = Handlers::python(source) else { return };
    let answer = handlers.start(&[]).invoke("e-1", &json!(null));
    assert_eq!((answer.status, answer.json(), answer.header("location")), (201, json!([1]), Some("/things/7")));
}

#[test]
fn a_large_request_and_a_large_result_pass() {
    let Some(handlers) = Handlers::python("def handle(request): return request['input'] * 2\n") else { return };
    let limit = "33554432";
    let watchdog = handlers.start(&[("NANOFAAS_MAX_INPUT_BYTES", limit), ("NANOFAAS_MAX_OUTPUT_BYTES", limit)]);
    let text = "größe\n".repeat(300_000);
    for _ in 0..2 {
        assert_eq!(output(&watchdog, &json!(text)), json!(text.repeat(2)));
    }
}

#[test]
fn a_call_that_hangs_costs_its_worker() {
    let source =
        "import os\npid = os.getpid()\ndef handle(request):\n    while request['input']: pass\n    return pid\n";
    let Some(handlers) = Handlers::python(source) else { return };
    let watchdog = handlers.start(&[("TIMEOUT_MS", "2000"), ("WATCHDOG_KILL_GRACE_MS", "200")]);
    let first = output(&watchdog, &json!(false));
    assert_eq!(watchdog.invoke("e-2", &json!(true)).failure(), (504, "TIMEOUT".to_owned()));
    let first = Process(first.as_u64().and_then(|pid| pid.try_into().ok()).expect("a process id"));
    first.wait_until_gone();
    watchdog.wait_for_status("/ready", 200);
    assert_ne!(output(&watchdog, &json!(false)), first.0);
}

#[test]
fn several_run_at_once() {
    let Some(handlers) = Handlers::python(&wait_at_input()) else { return };
    let watchdog = handlers.start(&[("WATCHDOG_WORKERS", "2"), ("NANOFAAS_MAX_CONCURRENT_HANDLERS", "2")]);
    let gates = [Gate::new(), Gate::new()];
    let mut callers: Vec<_> = gates
        .iter()
        .enumerate()
        .map(|(number, gate)| {
            let mut caller = watchdog.connect();
            caller.begin(&[("X-Execution-Id", &format!("e-{number}"))], &gate.body());
            caller
        })
        .collect();
    assert_ne!(gates[0].entered_by(), gates[1].entered_by());
    for (number, (gate, caller)) in gates.iter().zip(&mut callers).enumerate() {
        gate.open("");
        assert_eq!(caller.answer().expect("an answer").json(), json!(format!("e-{number}")));
    }
}

/// A handler that waits at the gate of its input, and returns its execution's id.
pub(crate) fn wait_at_input() -> String {
    "import os, time\ndef handle(request):\n    path = request['input']\n    \
     with open(path + '.draft', 'w') as file: file.write(str(os.getpid()))\n    \
     os.rename(path + '.draft', path + '.entered')\n    \
     while not os.path.exists(path): time.sleep(0.005)\n    return os.environ['EXECUTION_ID']\n"
        .to_owned()
}

#[test]
fn it_ends_with_the_watchdog() {
    let Some(handlers) = Handlers::python("def handle(request): return 1\n") else { return };
    let mut watchdog = handlers.start(&[("WATCHDOG_KILL_GRACE_MS", "600000")]);
    assert_eq!(output(&watchdog, &json!(null)), 1);
    watchdog.stop();
    assert_eq!(watchdog.family(), []);
}

#[test]
fn one_call_without_a_server_is_reported() {
    let Some(handlers) = Handlers::python("def handle(request): return [request, 'done']\n") else { return };
    let plane = ControlPlane::start();
    let ended = handlers.once(&plane, r#"{"input":"x"}"#, &[("WARM", "false")]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(plane.accepted("e-1").output(), &json!([{ "input": "x" }, "done"]));
    let plane = ControlPlane::start();
    let Some(handlers) = Handlers::python("def handle(request): raise ValueError('no ink')\n") else { return };
    let ended = handlers.once(&plane, "1", &[("WARM", "false")]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let error = plane.accepted("e-1").error().expect("an error");
    assert_eq!((error.code.as_str(), error.message.as_str()), ("FUNCTION_ERROR", "no ink"));
}
