//! Which kernel is started, and why none is.

use harness::{Scratch, Watchdog};

/// A folder with one kernelspec.
fn kernelspec(name: &str, json: &str) -> Scratch {
    let scratch = Scratch::new();
    let folder = scratch.path().join("kernels").join(name);
    std::fs::create_dir_all(&folder).expect("a directory");
    std::fs::write(folder.join("kernel.json"), json).expect("a file");
    scratch
}

fn run(scratch: &Scratch, extra: &[(&str, &str)]) -> (Option<i32>, String) {
    let path = scratch.path().to_str().expect("a path in UTF-8");
    let ended = Watchdog::run_warm("KERNEL", "python3", &[&[("JUPYTER_PATH", path), ("HOME", path)], extra].concat());
    (ended.code, ended.stderr)
}

#[test]
fn an_unknown_kernelspec_is_a_mistake_that_lists_the_known_ones() {
    let scratch = kernelspec("ir", r#"{"argv": ["R"]}"#);
    let (code, said) = run(&scratch, &[("KERNEL_SPEC", "julia")]);
    assert_eq!(code, Some(64), "{said}");
    let folder = scratch.path().join("kernels/ir").display().to_string();
    assert!(said.contains("KERNEL_SPEC is \"julia\"") && said.contains(&format!("ir ({folder})")), "{said}");
    let (code, said) = run(&scratch, &[("KERNEL_SPEC", "ir"), ("KERNEL_API", "flowfile")]);
    assert!(code == Some(64) && said.contains("KERNEL_API=flowfile"), "{said}");
    let (code, said) = run(&scratch, &[("KERNEL_SPEC", "ir"), ("KERNEL_PACKAGES", "polars")]);
    assert!(code == Some(64) && said.contains("KERNEL_PACKAGES"), "{said}");
}

#[test]
fn a_kernel_that_does_not_start_ends_the_watchdog_with_its_last_words() {
    for (argv, parts) in [
        (r#"["sh", "-c", "echo no such library >&2; exit 7"]"#, ["no such library", "exited with status 7"]),
        (r#"["nanofaas-no-such-program"]"#, ["nanofaas-no-such-program", "SPAWN_ERROR"]),
        (r#"["sleep", "1000"]"#, ["did not answer within 300 ms", "READY_TIMEOUT_MS"]),
    ] {
        let scratch = kernelspec("broken", &format!(r#"{{"argv": {argv}}}"#));
        let (code, said) = run(&scratch, &[("KERNEL_SPEC", "broken"), ("READY_TIMEOUT_MS", "300")]);
        assert!(code.is_some_and(|code| code != 0), "{said}");
        for part in parts {
            assert!(said.contains(part), "{part} is not in\n{said}");
        }
    }
}

#[test]
fn the_environment_and_the_place_of_a_kernelspec_reach_its_kernel() {
    let scratch = kernelspec(
        "teller",
        r#"{"argv": ["sh", "-c", "echo \"$0 $GREETING\" >&2; exit 1", "{resource_dir}"], "env": {"GREETING": "from ${HOME}"}}"#,
    );
    let (_, said) = run(&scratch, &[("KERNEL_SPEC", "teller")]);
    let path = scratch.path().display();
    assert!(said.contains(&format!("{path}/kernels/teller from {path}")), "{said}");
}

#[test]
fn a_kernelspec_does_not_hand_on_tokens() {
    let scratch = kernelspec(
        "teller",
        r#"{"argv": ["sh", "-c", "env >&2; exit 1"], "env": {"GREETING": "from ${NANOFAAS_CALLBACK_TOKEN}"}}"#,
    );
    let tokens = [("NANOFAAS_CALLBACK_TOKEN", "s3cr3t"), ("NANOFAAS_CALLBACK_ALLOW", "cp")];
    let (_, said) = run(&scratch, &[&tokens[..], &[("KERNEL_SPEC", "teller")]].concat());
    assert!(said.contains("GREETING=from ${NANOFAAS_CALLBACK_TOKEN}") && !said.contains("s3cr3t"), "{said}");
}
