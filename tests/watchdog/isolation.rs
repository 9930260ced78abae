//! No caller sees anything of another one.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use harness::{Gate, Process, Watchdog, child, eventually};
use serde_json::json;

/// A private directory for temporary files, that goes with the gate.
fn temporary(gate: &Gate) -> String {
    let directory = PathBuf::from(gate.path()).with_file_name("tmp");
    std::fs::create_dir_all(&directory).expect("a directory");
    directory.display().to_string()
}

/// Whether there is no file below; an empty directory tells nothing of anybody.
fn is_empty(directory: &Path) -> bool {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.into_iter().all(|entry| entry.path().is_dir() && is_empty(&entry.path()))
}

#[test]
fn concurrent_callers_get_their_own_answers() {
    for mode in ["HTTP", "STDIO", "FILE"] {
        let extra = [("NANOFAAS_MAX_CONCURRENT_HANDLERS", "8"), ("WATCHDOG_QUEUE", "100")];
        let watchdog = Watchdog::with_child(mode, &extra);
        std::thread::scope(|scope| {
            for caller in 0..20 {
                let watchdog = &watchdog;
                scope.spawn(move || {
                    let mut connection = watchdog.connect();
                    for call in 0..5 {
                        let own = json!({ "caller": caller, "call": call, "text": "x".repeat(caller * 100) });
                        let (id, body) = (format!("e-{caller}-{call}"), json!({ "input": own }).to_string());
                        let headers = [("X-Execution-Id", id.as_str())];
                        let answer = connection.request("POST", "/invoke", &headers, body.as_bytes());
                        assert_eq!((answer.status, answer.json()), (200, json!({ "echo": own })), "{mode} {id}");
                    }
                });
            }
        });
    }
}

#[test]
fn an_answer_that_comes_too_late_is_nobodys() {
    let gate = Gate::new();
    let watchdog = Watchdog::with_child("HTTP", &[("TIMEOUT_MS", "500")]);
    let late = watchdog.invoke("e-1", &json!({ "gate": gate.path(), "print": "\"late\"" }));
    assert_eq!(late.failure(), (504, "TIMEOUT".to_owned()));
    gate.open("");
    for number in 0..10 {
        let own = json!({ "n": number });
        let answer = eventually("a ready child", || Some(watchdog.invoke("e-2", &own)).filter(|it| it.status != 503));
        assert_eq!((answer.status, answer.json()), (200, json!({ "echo": own })));
    }
}

/// Both paths that a running FILE call was given, from its process.
fn files(process: Process) -> Vec<PathBuf> {
    let environment = std::fs::read(format!("/proc/{}/environ", process.0)).expect("an environment");
    let variables = environment.split(|byte| *byte == 0).map(|variable| String::from_utf8_lossy(variable).into_owned());
    let wanted = |variable: &String| variable.starts_with("INPUT_FILE=") || variable.starts_with("OUTPUT_FILE=");
    variables.filter(wanted).filter_map(|variable| variable.split_once('=').map(|(_, path)| path.into())).collect()
}

#[test]
fn each_file_call_has_a_private_directory_that_goes_with_it() {
    use std::os::unix::fs::MetadataExt;
    let directory = Gate::new();
    let tmp = temporary(&directory);
    // Two watchdogs on one machine, two calls at once in each.
    let extra = [("NANOFAAS_MAX_CONCURRENT_HANDLERS", "2"), ("TMPDIR", tmp.as_str())];
    let watchdogs = [Watchdog::with_child("FILE", &extra), Watchdog::with_child("FILE", &extra)];
    let gates: Vec<Gate> = (0..4).map(|_| Gate::new()).collect();
    let mut callers: Vec<_> = gates
        .iter()
        .enumerate()
        .map(|(number, gate)| watchdogs[number % 2].hold(&format!("e-{number}"), gate))
        .collect();
    let paths: Vec<PathBuf> = gates.iter().flat_map(|gate| files(Process(gate.entered_by()))).collect();
    assert_eq!(paths.len(), 8, "{paths:?}");
    assert_eq!(paths.iter().collect::<HashSet<_>>().len(), 8, "{paths:?}");
    let directories: HashSet<&Path> = paths.iter().filter_map(|path| path.parent()).collect();
    assert_eq!(directories.len(), 4, "{paths:?}");
    for directory in &directories {
        assert!(directory.starts_with(&tmp), "{directory:?}");
        assert_eq!(directory.metadata().expect("a directory").mode() & 0o077, 0, "others may look into {directory:?}");
    }
    for (number, gate) in gates.iter().enumerate() {
        gate.open("");
        let answer = callers[number].answer().expect("an answer");
        assert_eq!(answer.json()["echo"]["gate"], gate.path(), "{number}");
    }
    eventually("an empty directory", || is_empty(Path::new(&tmp)).then_some(()));
}

#[test]
fn files_go_however_the_call_ends() {
    let (directory, never) = (Gate::new(), Gate::new());
    let tmp = temporary(&directory);
    let extra = [("TMPDIR", tmp.as_str()), ("TIMEOUT_MS", "500"), ("WATCHDOG_KILL_GRACE_MS", "200")];
    let watchdog = Watchdog::with_child("FILE", &extra);
    for input in [
        json!({ "exit": 3 }),
        json!({ "abort": true }),
        json!({ "print": "no JSON" }),
        json!({ "blob_bytes": 2_000_000 }),
        json!({ "gate": never.path() }),
        json!({ "sh": "cd \"$(dirname \"$INPUT_FILE\")\" && mkdir -p more/files && touch more/files/x" }),
    ] {
        let _ = watchdog.invoke("e-1", &input);
        eventually(&format!("an empty directory after {input}"), || is_empty(Path::new(&tmp)).then_some(()));
    }
}

#[test]
fn a_file_call_that_writes_nothing_does_not_get_what_was_there_before() {
    let directory = Gate::new();
    let tmp = temporary(&directory);
    let (input, output) = (format!("{tmp}/in.json"), format!("{tmp}/out.json"));
    std::fs::write(&output, "\"of somebody else\"").expect("a file");
    let script = harness::sh("grep -q write \"$INPUT_FILE\" && cp \"$INPUT_FILE\" \"$OUTPUT_FILE\"; exit 0");
    for extra in [vec![("INPUT_FILE", input.as_str()), ("OUTPUT_FILE", output.as_str())], vec![]] {
        let watchdog = Watchdog::start("FILE", &script, &extra);
        for round in 0..2 {
            let answer = watchdog.invoke("e-1", &json!("nothing"));
            assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()), "{round} {extra:?}");
            assert_eq!(
                watchdog.invoke("e-2", &json!("write")).json(),
                json!({ "input": "write" }),
                "{round} {extra:?}"
            );
        }
    }
}

#[test]
fn an_output_that_is_no_file_is_a_failure_and_holds_nobody_up() {
    for (make, rest) in [("mkfifo", ""), ("mkdir", ""), ("ln -s", "/dev/zero ")] {
        let script = format!(
            "grep -q odd \"$INPUT_FILE\" || exec cp \"$INPUT_FILE\" \"$OUTPUT_FILE\"; {make} {rest}\"$OUTPUT_FILE\""
        );
        let watchdog = Watchdog::start("FILE", &harness::sh(&script), &[("TIMEOUT_MS", "5000")]);
        let answer = watchdog.invoke("e-1", &json!("odd"));
        assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()), "{make} {answer:?}");
        assert_eq!(watchdog.invoke("e-2", &json!(1)).json(), json!({ "input": 1 }), "{make}");
    }
}

#[test]
fn given_paths_are_those_the_child_gets() {
    let directory = Gate::new();
    let tmp = temporary(&directory);
    let (input, output) = (format!("{tmp}/in.json"), format!("{tmp}/out.json"));
    let extra = [("INPUT_FILE", input.as_str()), ("OUTPUT_FILE", output.as_str())];
    let watchdog = Watchdog::start("FILE", &child("file"), &extra);
    let seen = watchdog.report("e-1")["environment"].clone();
    assert_eq!((&seen["INPUT_FILE"], &seen["OUTPUT_FILE"]), (&json!(input), &json!(output)));
}
