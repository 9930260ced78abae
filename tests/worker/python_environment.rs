//! What surrounds a handler in Python: its streams, its variables, its folder, its descriptors.

use harness::{Gate, Handlers, Watchdog};
use serde_json::{Value, json};

const EXEC: &str = "import os, sys\nat_import = sorted(os.environ)\nname, first = __name__, sys.path[0]\n\
     def handle(request):\n    names = {'at_import': at_import, 'name': name, 'first': first}\n    \
     exec(request['input'], names)\n    return names.get('result')\n";

fn output(watchdog: &Watchdog, id: &str, code: &str) -> Value {
    let answer = watchdog.invoke(id, &json!(code));
    assert_eq!(answer.status, 200, "{code} {}", answer.text());
    answer.json()
}

#[test]
fn what_it_prints_is_logged_at_once_with_its_call() {
    let source = "import sys\nfrom gate import wait\ndef handle(request):\n    print('größe of', request['input']['id'])\n    \
                  print('no ink', file=sys.stderr)\n    wait(request['input']['gate'])\n";
    let wait = "import os, time\ndef wait(path):\n    while not os.path.exists(path): time.sleep(0.005)\n";
    let Some(handlers) = Handlers::python(source) else { return };
    let handlers = handlers.with("gate.py", wait);
    let watchdog = handlers.start(&[]);
    for id in ["e-1", "e-2"] {
        let gate = Gate::new();
        let mut caller = watchdog.connect();
        let input = json!({ "id": id, "gate": gate.path() });
        caller.begin(&[("X-Execution-Id", id)], &json!({ "input": input }).to_string());
        let line = watchdog.wait_for_log("a printed line", |line| line["message"] == format!("größe of {id}"));
        assert_eq!((&line["stream"], &line["execution_id"]), (&json!("stdout"), &json!(id)));
        let told = |line: &Value| line["message"] == "no ink" && line["execution_id"] == id;
        assert_eq!(watchdog.wait_for_log("a line on stderr", told)["stream"], "stderr");
        gate.open("");
        assert_eq!(caller.answer().expect("an answer").status, 200);
    }
}

#[test]
fn a_flood_of_prints_neither_blocks_nor_mixes_with_the_answer() {
    let Some(handlers) = Handlers::python(EXEC) else { return };
    let watchdog = handlers.start(&[]);
    for id in ["e-1", "e-2"] {
        let code = "for number in range(20000): print('{\"forged\": true}', number)\nresult = 'right'";
        assert_eq!(output(&watchdog, id, code), "right");
    }
    let lines = watchdog.log_lines(|line| line["message"].as_str().is_some_and(|text| text.contains("forged")));
    assert!(!lines.is_empty());
    assert!(lines.iter().all(|line| ["e-1", "e-2"].contains(&line["execution_id"].as_str().unwrap_or_default())));
}

#[test]
fn raw_bytes_on_stdout_are_logged_too() {
    let Some(handlers) = Handlers::python(EXEC) else { return };
    let watchdog = handlers.start(&[]);
    assert_eq!(
        output(&watchdog, "e-1", "import os\nos.write(1, b'raw words\\n')\nos.system('echo of a shell')\nresult = 1"),
        1
    );
    for text in ["raw words", "of a shell"] {
        let _ = watchdog.wait_for_log(text, |line| line["message"] == text && line["stream"] == "stdout");
    }
}

#[test]
fn the_ids_are_there_during_the_call_alone() {
    let Some(handlers) = Handlers::python(EXEC) else { return };
    let watchdog = handlers.start(&[]);
    let code =
        "import os\nresult = [os.environ.get('EXECUTION_ID'), os.environ.get('TRACE_ID'), os.getenv('TRACE_ID')]";
    let with_trace = [("X-Execution-Id", "e-1"), ("X-Trace-Id", "t-1")];
    let answer = watchdog.post(&with_trace, json!({ "input": code }).to_string());
    assert_eq!(answer.json(), json!(["e-1", "t-1", "t-1"]));
    assert_eq!(output(&watchdog, "e-2", code), json!(["e-2", null, null]));
    let shell =
        "import subprocess\nresult = subprocess.check_output('echo $EXECUTION_ID', shell=True, text=True).strip()";
    assert_eq!(output(&watchdog, "e-3", shell), "e-3");
    let at_import = output(&watchdog, "e-4", "result = at_import");
    for name in ["EXECUTION_ID", "TRACE_ID", "CALLBACK_URL", "INVOCATION_PAYLOAD"] {
        assert!(!at_import.as_array().expect("a list").contains(&json!(name)), "{name} in {at_import}");
    }
}

#[test]
fn a_thread_that_goes_on_after_the_call_finds_no_ids() {
    let source = "import os, threading, time\ndef look(path):\n    \
        while not os.path.exists(path): time.sleep(0.005)\n    \
        print('seen', os.environ.get('EXECUTION_ID'), flush=True)\n\
        def handle(request): threading.Thread(target=look, args=(request['input'],), daemon=True).start()\n";
    let Some(handlers) = Handlers::python(source) else { return };
    let watchdog = handlers.start(&[]);
    let gate = Gate::new();
    assert_eq!(watchdog.invoke("e-1", &gate.input()).status, 200);
    gate.open("");
    let _ = watchdog.wait_for_log("what it saw", |line| line["message"] == "seen None");
}

#[test]
fn its_folder_is_the_first_on_the_path_and_it_has_its_name() {
    let Some(handlers) = Handlers::python(EXEC) else { return };
    let handlers = handlers.with("sibling.py", "VALUE = 'of a sibling'\n");
    let watchdog = handlers.start(&[]);
    let folder = json!(handlers.path());
    assert_eq!(output(&watchdog, "e-1", "result = [name, first]"), json!(["handler", folder]));
    assert_eq!(output(&watchdog, "e-2", "import sibling\nresult = sibling.VALUE"), "of a sibling");
    assert_eq!(output(&watchdog, "e-3", "import os\nresult = os.getcwd()"), folder);
    assert_eq!(
        output(&watchdog, "e-4", "import handler\nresult = handler.name"),
        "handler",
        "it is not imported twice"
    );
}

#[test]
fn a_module_of_a_package_is_imported_as_such() {
    let handler =
        "from .sibling import VALUE\nfrom pkg import ROOT\ndef handle(request): return [VALUE, ROOT, __name__]\n";
    for module in ["pkg.handler", "pkg/handler", "pkg/handler.py"] {
        let Some(handlers) = Handlers::python("def handle(request): return 'the wrong one'\n") else { return };
        let handlers = handlers
            .with("pkg/__init__.py", "ROOT = 'of the package'\n")
            .with("pkg/sibling.py", "VALUE = 'of a sibling'\n")
            .with("pkg/handler.py", handler)
            .module(module);
        let expected = json!(["of a sibling", "of the package", "pkg.handler"]);
        assert_eq!(handlers.start(&[]).invoke("e-1", &json!(1)).json(), expected, "{module}");
    }
}

#[test]
fn programs_that_it_starts_do_not_have_the_answers() {
    let Some(handlers) = Handlers::python(EXEC) else { return };
    let watchdog = handlers.start(&[]);
    let code = "import subprocess\n\
                result = subprocess.check_output(['ls', '/proc/self/fd'], close_fds=False, text=True).split()";
    // The last one is the directory that is listed.
    assert_eq!(output(&watchdog, "e-1", code), json!(["0", "1", "2", "3"]));
    let code = "import subprocess\nresult = subprocess.run('echo stray >&3', shell=True, close_fds=False, \
                stderr=subprocess.DEVNULL).returncode != 0";
    assert_eq!(output(&watchdog, "e-2", code), true);
    assert_eq!(output(&watchdog, "e-3", "result = 'right'"), "right");
}

#[test]
fn a_program_that_outlives_the_call_holds_nobody_up() {
    let Some(handlers) = Handlers::python(EXEC) else { return };
    let watchdog = handlers.start(&[("WATCHDOG_KILL_GRACE_MS", "300")]);
    let code = "import subprocess\nsubprocess.Popen(['sleep', '600'])\nresult = 1";
    assert_eq!(output(&watchdog, "e-1", code), 1);
    let answer = watchdog.invoke("e-2", &json!("import os\nos._exit(5)"));
    assert!(answer.text().contains("status 5"), "{}", answer.text());
}
