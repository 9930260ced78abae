//! Errors of a cell, and the tracebacks that tell of them.

use harness::{Kernel, error, one};
use serde_json::Value;

fn traceback(answer: &Value) -> Vec<String> {
    let error = one(answer, "error");
    let entries = error["traceback"].as_array().unwrap_or_else(|| panic!("no traceback: {error}"));
    entries.iter().map(|entry| entry.as_str().expect("a text").to_owned()).collect()
}

/// The first entry: the name, and then what follows up to column 75.
fn is_head(entry: &str, name: &str) {
    let between = entry.strip_prefix(name).and_then(|rest| rest.strip_suffix("Traceback (most recent call last)"));
    assert!(between.is_some_and(|pad| !pad.is_empty() && pad.trim().is_empty()), "{entry:?}");
    assert_eq!(entry.len(), 75, "{entry:?}");
}

#[test]
fn a_traceback_has_a_head_a_frame_and_the_error() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let answer = kernel.execute("f(x)");
    assert_eq!(error(&answer), ("NameError".to_owned(), "name 'f' is not defined".to_owned()));
    let entries = traceback(&answer);
    is_head(&entries[0], "NameError");
    assert_eq!(entries[1..], ["Cell In[1], line 1\n----> 1 f(x)\n", "NameError: name 'f' is not defined"]);
}

#[test]
fn the_number_of_a_cell_counts_what_was_executed() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    for number in 1..4 {
        let entries = traceback(&kernel.execute("nothing"));
        assert!(entries[1].starts_with(&format!("Cell In[{number}], line 1\n")), "{entries:?}");
    }
}

#[test]
fn the_line_that_failed_is_marked() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let entries = traceback(&kernel.execute("x = 1\ny = 2\nz = x / 0\nprint(z)"));
    assert!(entries[1].starts_with("Cell In[1], line 3\n"), "{entries:?}");
    assert!(entries[1].contains("----> 3 z = x / 0\n"), "{entries:?}");
    let marked = entries[1].lines().filter(|line| line.starts_with("----")).count();
    assert_eq!(marked, 1, "{entries:?}");
}

#[test]
fn each_frame_is_an_entry() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let entries = traceback(&kernel.execute("def g():\n    return 1 / 0\ndef f():\n    return g()\nf()"));
    assert_eq!(entries.len(), 5, "{entries:#?}");
    is_head(&entries[0], "ZeroDivisionError");
    for (entry, line) in entries[1..4].iter().zip(["----> 5 f()", "----> 4     return g()", "----> 2     return 1 / 0"])
    {
        assert!(entry.starts_with("Cell In[1], line ") && entry.contains(line), "{entry:?}");
    }
    assert_eq!(entries[4], "ZeroDivisionError: division by zero");
}

#[test]
fn a_frame_of_an_earlier_cell_has_its_number_and_its_source() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    kernel.run("def f():\n    raise KeyError('k')");
    let entries = traceback(&kernel.execute("f()"));
    assert!(entries[1].starts_with("Cell In[2], line 1\n"), "{entries:#?}");
    assert!(entries[2].starts_with("Cell In[1], line 2"), "{entries:#?}");
    assert!(entries[2].contains("----> 2     raise KeyError('k')"), "{entries:#?}");
}

#[test]
fn a_traceback_shows_nothing_of_the_kernel_and_no_colours() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    for code in ["1 / 0", "import json\njson.loads('x')", "async def f(): 1 / 0\nawait f()", "x ===", "import nowhere"]
    {
        let text = one(&kernel.execute(code), "error").to_string();
        assert!(!text.contains("nanofaas") && !text.contains("\\u001b"), "{text}");
    }
}

#[test]
fn a_frame_of_a_library_names_its_file() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let entries = traceback(&kernel.execute("import json\njson.loads('x')"));
    assert!(entries.len() >= 4, "{entries:#?}");
    assert!(entries[2].contains("json/__init__.py"), "{entries:#?}");
    assert!(entries.last().is_some_and(|entry| entry.starts_with("JSONDecodeError: Expecting value")), "{entries:#?}");
}

#[test]
fn a_syntax_error_is_one_entry() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    for code in ["x ===", "def f(:\n    pass", "print('open", "return 1", "if True:\nx = 1"] {
        let answer = kernel.execute(code);
        let (name, _) = error(&answer);
        assert!(["SyntaxError", "IndentationError"].contains(&name.as_str()), "{code:?} {answer:#}");
        let entries = traceback(&answer);
        assert_eq!(entries.len(), 1, "{code:?} {entries:#?}");
        assert!(entries[0].contains("Cell In[") && entries[0].contains(&format!("{name}: ")), "{code:?} {entries:#?}");
    }
}

#[test]
fn code_with_a_syntax_error_does_nothing_of_what_stands_before_it() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let answer = kernel.execute("print('begun')\nx = 1\ny ===");
    assert_eq!(answer["outputs"].as_array().map(Vec::len), Some(1), "{answer:#}");
    assert_eq!(error(&kernel.execute("x")).0, "NameError");
}

#[test]
fn an_error_of_the_users_own_has_its_name() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let answer = kernel.execute("class Sad(Exception): pass\nraise Sad('really')");
    assert_eq!(error(&answer), ("Sad".to_owned(), "really".to_owned()));
    assert_eq!(error(&kernel.execute("raise Sad()")), ("Sad".to_owned(), String::new()));
    assert_eq!(error(&kernel.execute("raise KeyError('k')")), ("KeyError".to_owned(), "'k'".to_owned()));
}

#[test]
fn a_cause_is_told_too() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let code = "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise ValueError('outer') from error";
    let answer = kernel.execute(code);
    assert_eq!(error(&answer), ("ValueError".to_owned(), "outer".to_owned()));
    assert!(traceback(&answer).concat().contains("ZeroDivisionError"), "{answer:#}");
}

#[test]
fn an_end_of_the_program_is_an_error_of_the_cell() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    kernel.run("kept = 7");
    let answer = kernel.execute("import sys; sys.exit(3)");
    assert_eq!(error(&answer), ("SystemExit".to_owned(), "3".to_owned()));
    for code in ["exit()", "quit()", "raise SystemExit", "exit('text')"] {
        assert_eq!(error(&kernel.execute(code)).0, "SystemExit", "{code}");
    }
    assert_eq!(kernel.value("kept"), "7");
}

#[test]
fn other_errors_that_end_programs_are_errors_of_the_cell() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    kernel.run("kept = 7");
    for name in ["KeyboardInterrupt", "GeneratorExit", "BaseException", "StopIteration", "RecursionError"] {
        assert_eq!(error(&kernel.execute(&format!("raise {name}('x')"))).0, name);
    }
    assert_eq!(kernel.value("kept"), "7");
}

#[test]
fn an_error_that_cannot_be_shown_is_one_all_the_same() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let code = "class Bad(Exception):\n    def __str__(self): raise RuntimeError('no')\nraise Bad()";
    assert_eq!(error(&kernel.execute(code)).0, "Bad");
    kernel.serves();
}

#[test]
fn input_fails_at_once() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    assert_eq!(error(&kernel.execute("input('name? ')")).0, "EOFError");
    assert_eq!(kernel.value("import sys; sys.stdin.read()"), "''");
}
