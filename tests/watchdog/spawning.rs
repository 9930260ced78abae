//! How a child is started, and what it inherits.

use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{Gate, Watchdog, child, has_command, quote, sh, skip};
use serde_json::{Value, json};

/// A file with this mode in the gate's directory.
fn file(directory: &Gate, name: &str, text: &str, mode: u32) -> PathBuf {
    let path = PathBuf::from(directory.path()).with_file_name(name);
    let draft = path.with_extension("draft");
    std::fs::write(&draft, text).expect("a file");
    install(&draft, &path, mode);
    path
}

/// Copies a program through another process: a descriptor that this one has open for writing, and
/// that a process which is just being started shares, would make the program "busy".
fn install(from: &Path, to: &Path, mode: u32) {
    let mut install = Command::new("install");
    let status = install.arg(format!("--mode={mode:o}")).args([from, to]).status();
    assert!(status.expect("install").success(), "{}", to.display());
}

#[test]
fn a_command_is_split_as_a_shell_splits_words() {
    let line = r#"stdio plain 'single $HOME' "double \"quoted\" \\ \$x" a\ b '' "" x'y'"z" 'it'\''s' --k='v w'"#;
    let watchdog = Watchdog::start("STDIO", &child(line), &[]);
    let words =
        json!(["stdio", "plain", "single $HOME", r#"double "quoted" \ $x"#, "a b", "", "", "xyz", "it's", "--k=v w"]);
    assert_eq!(watchdog.report("e-1")["arguments"], words);
}

#[test]
fn no_shell_is_involved() {
    let watchdog = Watchdog::start("STDIO", &child("stdio $HOME * ; | && > x ~ $(id) `id`"), &[("HOME", "/root")]);
    let words = json!(["stdio", "$HOME", "*", ";", "|", "&&", ">", "x", "~", "$(id)", "`id`"]);
    assert_eq!(watchdog.report("e-1")["arguments"], words);
}

#[test]
fn a_program_is_found_through_the_path() {
    let directory = Gate::new();
    let program = file(&directory, "own-program", "#!/bin/sh\necho \"\\\"$0\\\"\"\n", 0o755);
    let path = format!("/nowhere:{}:/usr/bin:/bin", program.parent().expect("a directory").display());
    let watchdog = Watchdog::start("STDIO", "own-program", &[("PATH", &path)]);
    let answer = watchdog.invoke("e-1", &json!(1));
    assert_eq!((answer.status, answer.json()), (200, json!(program)), "an absolute path");
}

#[test]
fn a_program_that_is_not_there_is_a_spawn_error_per_call_that_names_it() {
    for (command, name) in
        [("no-such-program --x", "no-such-program"), ("/nowhere/to-be-found", "/nowhere/to-be-found")]
    {
        for mode in ["STDIO", "FILE"] {
            let mut watchdog = Watchdog::start(mode, command, &[]);
            let _ =
                watchdog.wait_for_log("a warning", |line| line["level"] == "WARN" && line.to_string().contains(name));
            let answer = watchdog.invoke("e-1", &json!(1));
            assert_eq!(answer.refusal(), (500, "SPAWN_ERROR".to_owned()), "{mode} {command}");
            assert!(answer.text().contains(name), "{answer:?}");
            assert_eq!(watchdog.get("/health").status, 200);
            watchdog.stop();
        }
    }
}

#[test]
fn a_program_that_cannot_be_executed_is_a_spawn_error_that_names_it() {
    let directory = Gate::new();
    for (name, text, mode) in [
        ("not-executable", "#!/bin/sh\necho 1\n", 0o644),
        ("not-a-program", "echo 1\n", 0o755),
        ("without-interpreter", "#!/nowhere/sh\necho 1\n", 0o755),
    ] {
        let program = file(&directory, name, text, mode);
        let watchdog = Watchdog::start("STDIO", &quote(&program.display().to_string()), &[]);
        let answer = watchdog.invoke("e-1", &json!(1));
        assert_eq!(answer.failure(), (500, "SPAWN_ERROR".to_owned()), "{name} {answer:?}");
        assert!(answer.text().contains(name), "{answer:?}");
    }
    let folder = PathBuf::from(directory.path()).parent().expect("a directory").display().to_string();
    let watchdog = Watchdog::start("STDIO", &quote(&folder), &[]);
    assert_eq!(watchdog.invoke("e-1", &json!(1)).failure(), (500, "SPAWN_ERROR".to_owned()));
}

#[test]
fn a_program_that_appears_later_is_served() {
    let directory = Gate::new();
    let path = PathBuf::from(directory.path()).with_file_name("late");
    let watchdog = Watchdog::start("STDIO", &quote(&path.display().to_string()), &[]);
    assert_eq!(watchdog.invoke("e-1", &json!(1)).failure(), (500, "SPAWN_ERROR".to_owned()));
    let draft = file(&directory, "draft", "#!/bin/sh\necho 7\n", 0o755);
    std::fs::rename(draft, path).expect("a program");
    assert_eq!(watchdog.invoke("e-2", &json!(1)).text(), "7");
}

/// A spawn that fails for this soft limit is a refusal with a hint, and a later one succeeds.
fn recovers(watchdog: &Watchdog, user: &[&str], low: &str, high: &str) {
    let limit = |limit: &str| {
        let (pid, limit) = (format!("--pid={}", watchdog.process().0), format!("{limit}:"));
        assert!(has_command(&[user, &["prlimit", &pid, &limit]].concat()), "{limit}");
    };
    // A connection that is there before: another one would need a descriptor.
    let mut kept = watchdog.connect();
    let mut call = |id: &str| kept.request("POST", "/invoke", &[("X-Execution-Id", id)], br#"{"input":1}"#);
    assert_eq!(call("e-1").status, 200);
    limit(low);
    let answer = call("e-2");
    assert_eq!(answer.failure(), (503, "SPAWN_ERROR".to_owned()), "{answer:?}");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    limit(high);
    assert_eq!(call("e-3").status, 200);
}

#[test]
fn without_room_for_another_process_a_call_is_refused_and_the_watchdog_lives() {
    const NOBODY: [&str; 4] = ["setpriv", "--reuid=64999", "--clear-groups", "--inh-caps=-all"];
    if !has_command(&[&NOBODY[..], &["prlimit", "--version"]].concat()) {
        return skip("there is no `prlimit`, or this user may not become another one, and nothing limits root");
    }
    // The other user may not enter the directories of this one.
    let directory = Gate::new();
    let program = PathBuf::from(directory.path()).with_file_name("nanofaas-watchdog");
    install(&harness::binary("nanofaas-watchdog"), &program, 0o755);
    let mut watchdog = Watchdog::launch(NOBODY.map(str::to_owned).to_vec(), &program, "STDIO", "cat", &[]);
    watchdog.wait_until_ready();
    recovers(&watchdog, &NOBODY, "--nproc=1", "--nproc=1000");
}

#[test]
fn without_descriptors_a_call_is_refused_and_the_watchdog_lives() {
    if !has_command(&["prlimit", "--version"]) {
        return skip("there is no `prlimit`");
    }
    recovers(&Watchdog::start("STDIO", "cat", &[]), &[], "--nofile=4", "--nofile=1024");
}

/// What a child had open beyond stderr, but for what this very test was started with.
fn leaks(watchdog: &Watchdog, id: &str) -> Vec<String> {
    let report = watchdog.report(id);
    let open = report["descriptors"].as_object().expect("a list").iter();
    let of_this_test = |number: &str| std::fs::read_link(format!("/proc/self/fd/{number}")).ok();
    let leaks = open.filter(|(number, target)| of_this_test(number) != target.as_str().map(PathBuf::from));
    leaks.map(|(number, target)| format!("{number}: {target}")).collect()
}

#[test]
fn descriptors_do_not_leak_into_children() {
    for mode in ["HTTP", "STDIO", "FILE"] {
        let watchdog = Watchdog::with_child(mode, &[("NANOFAAS_MAX_CONCURRENT_HANDLERS", "2")]);
        let gate = Gate::new();
        let mut running = watchdog.hold("e-1", &gate);
        assert_eq!(leaks(&watchdog, "e-2"), [""; 0], "{mode}");
        gate.open("");
        assert_eq!(running.answer().expect("an answer").status, 200, "{mode}");
    }
}

#[test]
fn descriptors_that_the_watchdog_was_given_do_not_leak_either() {
    let before = ["/bin/sh", "-c", "exec 7</dev/null 9>/dev/null; exec \"$@\"", "sh"];
    let mut watchdog = Watchdog::through(&before, "STDIO", &child("stdio"), &[]);
    watchdog.wait_until_ready();
    assert_eq!(leaks(&watchdog, "e-1"), [""; 0]);
}

/// The line of /proc/PID/status, as a set of signals, that a shell saw of itself.
fn signals(report: &Value, name: &str) -> u64 {
    let text = report.as_str().expect("a text");
    let hexadecimal = text.split_whitespace().skip_while(|word| *word != name).nth(1).expect("a line");
    u64::from_str_radix(hexadecimal, 16).expect("a set of signals")
}

#[test]
fn signals_are_as_a_program_expects_them() {
    const SIGPIPE: u64 = 13;
    const SIGCHLD: u64 = 17;
    let script = sh(r#"echo "\"$(grep -E '^Sig(Blk|Ign):' /proc/$$/status | tr '\n\t' '  ')\"""#);
    // Also where the one who started the watchdog left them otherwise.
    let mut ignoring = vec![vec![], vec!["/bin/sh", "-c", "trap '' PIPE CHLD; exec \"$@\"", "sh"]];
    let blocking = "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1]); \
                    os.execvp(sys.argv[1], sys.argv[1:])";
    if has_command(&["python3", "--version"]) {
        ignoring.push(vec!["python3", "-c", blocking]);
    } else {
        skip("there is no `python3` that could block signals");
    }
    for before in ignoring {
        let mut watchdog = Watchdog::through(&before, "STDIO", &script, &[]);
        watchdog.wait_until_ready();
        let answer = watchdog.invoke("e-1", &json!(1)).json();
        let ignored = signals(&answer, "SigIgn:") & (1 << (SIGPIPE - 1) | 1 << (SIGCHLD - 1));
        assert_eq!((signals(&answer, "SigBlk:"), ignored), (0, 0), "{before:?} {answer}");
    }
}

#[test]
fn each_child_leads_a_group_of_its_own() {
    for mode in ["HTTP", "STDIO", "FILE"] {
        let watchdog = Watchdog::with_child(mode, &[]);
        let gate = Gate::new();
        let mut running = watchdog.hold("e-1", &gate);
        let child = harness::Process(gate.entered_by());
        assert_eq!(child.group(), Some(child.0), "{mode}");
        gate.open("");
        assert_eq!(running.answer().expect("an answer").status, 200, "{mode}");
    }
}
