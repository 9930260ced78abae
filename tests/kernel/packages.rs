//! Packages that are installed before the first call.

use std::process::{Command, Stdio};

use harness::{Kernel, Scratch, Watchdog, has_command, skip};
use serde_json::json;

/// Writes a package that pip takes without an index: an archive with what a wheel needs.
const WHEEL: &str = "import sys, zipfile\n\
    with zipfile.ZipFile(sys.argv[1] + '/nanofaas_tests_package-1.0-py3-none-any.whl', 'w') as z:\n    \
    info = 'nanofaas_tests_package-1.0.dist-info/'\n    \
    z.writestr('nanofaas_tests_package.py', 'ANSWER = 42\\n')\n    \
    z.writestr(info + 'METADATA', 'Metadata-Version: 2.1\\nName: nanofaas-tests-package\\nVersion: 1.0\\n')\n    \
    z.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\\nGenerator: tests\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n    \
    z.writestr(info + 'RECORD', '')\n";

/// A Python of the test's own with pip, and a package that it does not have.
struct Place {
    _folder: Scratch,
    python: String,
    package: String,
}

fn place() -> Option<Place> {
    let folder = Scratch::new();
    let path = folder.path().display().to_string();
    let python = format!("{path}/venv/bin/python3");
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv", &format!("{path}/venv")]).stdout(Stdio::null()).stderr(Stdio::null());
    let made = venv.status().is_ok_and(|status| status.success());
    if !made || !has_command(&[&python, "-m", "pip", "--version"]) {
        skip("python3 cannot make a virtual environment with pip");
        return None;
    }
    assert!(has_command(&[&python, "-c", WHEEL, &path]), "a package");
    let package = format!("{path}/nanofaas_tests_package-1.0-py3-none-any.whl");
    Some(Place { _folder: folder, python, package })
}

#[test]
fn a_package_is_there_for_the_first_call() {
    let Some(place) = place() else { return };
    let extra = [("WATCHDOG_CMD", place.python.as_str()), ("KERNEL_PACKAGES", &place.package)];
    let code = "import nanofaas_tests_package\nprint(nanofaas_tests_package.ANSWER)";
    let Some(kernel) = Kernel::flowfile(&extra) else { return };
    kernel.wait_for_status("/health", 200);
    assert_eq!(kernel.node_succeeds(1, code, &json!({}))["stdout"], "42\n");
    let named = kernel.log().iter().any(|line| line.contains("nanofaas_tests_package"));
    assert!(named, "the progress is in the log: {:#?}", kernel.log());
    // It is there already.
    let Some(kernel) = Kernel::executor(&extra) else { return };
    assert_eq!(harness::stdout(&kernel.execute(code)), "42\n");
}

#[test]
fn a_package_that_cannot_be_installed_is_a_clear_error_of_the_start() {
    let Some(place) = place() else { return };
    let missing = place.package.replace("1.0", "9.9");
    for api in ["executor", "flowfile", "none"] {
        let ended = Watchdog::run(
            &[],
            &[
                ("EXECUTION_MODE", "KERNEL"),
                ("KERNEL_API", api),
                ("WARM_PORT", "0"),
                ("WATCHDOG_CMD", &place.python),
                ("KERNEL_PACKAGES", &missing),
            ],
        );
        assert!(ended.code.is_some_and(|code| code != 0), "{api} {ended:?}");
        assert!(ended.stderr.contains("nanofaas_tests_package-9.9"), "{api} {ended:?}");
        assert!(!ended.stderr.contains("panicked"), "{api} {ended:?}");
    }
}

#[test]
fn an_interpreter_without_pip_is_a_clear_error_of_the_start() {
    if !has_command(&["python3", "--version"]) {
        return skip("python3 is not installed");
    }
    // Without `site` there is no pip.
    if has_command(&["python3", "-S", "-m", "pip", "--version"]) {
        return skip("this Python finds pip also with -S");
    }
    let ended = Watchdog::run(
        &[],
        &[
            ("EXECUTION_MODE", "KERNEL"),
            ("KERNEL_API", "flowfile"),
            ("WARM_PORT", "0"),
            ("WATCHDOG_CMD", "python3 -S"),
            ("KERNEL_PACKAGES", "/nowhere/some_package-1.0-py3-none-any.whl"),
        ],
    );
    assert!(ended.code.is_some_and(|code| code != 0), "{ended:?}");
    assert!(ended.stderr.contains("pip"), "{ended:?}");
}
