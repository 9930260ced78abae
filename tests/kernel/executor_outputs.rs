//! What code shows: streams, results and rich output, in their order.

use harness::{Kernel, one, stderr, stdout};
use serde_json::{Value, json};

fn outputs(kernel: &Kernel, code: &str) -> Value {
    kernel.execute(code)["outputs"].clone()
}

fn stream(name: &str, text: &str) -> Value {
    json!({ "type": "stream", "name": name, "text": text })
}

#[test]
fn the_last_expression_is_the_result() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let expected = json!({ "outputs": [{ "type": "result", "data": { "text/plain": "2" } }] });
    assert_eq!(kernel.execute("1 + 1"), expected);
    assert_eq!(kernel.value("x = 20\nx * 2"), "40");
    assert_eq!(kernel.value("'text'"), "'text'");
    assert_eq!(kernel.value("{'a': [1, 2.5, None]}"), "{'a': [1, 2.5, None]}");
    assert_eq!(kernel.value("(1,\n 2)\n# a comment\n"), "(1, 2)");
}

#[test]
fn code_without_a_value_has_no_result() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    for code in ["x = 1", "None", "", "   \n\n", "# a comment", "pass", "def f(): return 1", "import os", "1\nx = 2"] {
        assert_eq!(outputs(&kernel, code), json!([]), "{code:?}");
    }
}

#[test]
fn what_is_printed_is_a_stream() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    assert_eq!(outputs(&kernel, "print('hello')"), json!([stream("stdout", "hello\n")]));
    assert_eq!(outputs(&kernel, "import sys; print('no', file=sys.stderr)"), json!([stream("stderr", "no\n")]));
    assert_eq!(outputs(&kernel, "sys.stdout.write('no end'); None"), json!([stream("stdout", "no end")]));
    assert_eq!(outputs(&kernel, "print('', end='')"), json!([]));
}

#[test]
fn neighbours_of_one_stream_are_joined() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let code = "for i in range(3):\n    print(i, flush=True)\nprint('end')";
    assert_eq!(outputs(&kernel, code), json!([stream("stdout", "0\n1\n2\nend\n")]));
}

#[test]
fn everything_comes_in_the_order_in_which_it_happens() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let code = "import sys\nprint('a')\nprint('b', file=sys.stderr)\nprint('c')\ndisplay('d')\nprint('e')\n'f'";
    let found = outputs(&kernel, code);
    let kinds: Vec<_> = found.as_array().expect("a list").iter().map(|output| output["type"].clone()).collect();
    assert_eq!(json!(kinds), json!(["stream", "stream", "stream", "display", "stream", "result"]), "{found:#}");
    assert_eq!(found[0], stream("stdout", "a\n"));
    assert_eq!(found[1], stream("stderr", "b\n"));
    assert_eq!(found[2], stream("stdout", "c\n"));
    assert_eq!(found[4], stream("stdout", "e\n"));
    assert_eq!(found[5]["data"]["text/plain"], "'f'");
}

#[test]
fn what_was_printed_before_an_error_comes_before_it() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let found = outputs(&kernel, "print('before')\n1 / 0\nprint('after')");
    assert_eq!(found[0], stream("stdout", "before\n"));
    assert_eq!((&found[1]["type"], &found[1]["name"]), (&json!("error"), &json!("ZeroDivisionError")));
    assert_eq!(found.as_array().map(Vec::len), Some(2), "{found:#}");
}

#[test]
fn programs_and_descriptors_write_to_the_same_streams_in_order() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let code = "import os, subprocess\n\
                print('1')\n\
                subprocess.run(['sh', '-c', 'echo 2; echo wrong >&2'])\n\
                print('3')\n\
                os.write(1, b'4\\n')\n\
                print('5')";
    let answer = kernel.execute(code);
    assert_eq!((stdout(&answer), stderr(&answer)), ("1\n2\n3\n4\n5\n".to_owned(), "wrong\n".to_owned()));
}

#[test]
fn c_code_writes_to_the_same_streams() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    if !kernel.execute("import ctypes; ctypes.CDLL(None).puts")["outputs"].to_string().contains("result") {
        return harness::skip("this Python has no ctypes");
    }
    let answer = kernel.execute("ctypes.CDLL(None).puts(b'from C'); None");
    assert_eq!(stdout(&answer), "from C\n");
}

#[test]
fn an_object_shows_itself_as_html_and_as_text() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let code =
        "class Page:\n    def _repr_html_(self): return '<b>x</b>'\n    def __repr__(self): return 'a page'\nPage()";
    let data = one(&kernel.execute(code), "result")["data"].clone();
    assert_eq!(data, json!({ "text/html": "<b>x</b>", "text/plain": "a page" }));
}

#[test]
fn an_object_shows_itself_in_every_kind_that_it_knows() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    for (method, value, kind, shown) in [
        ("_repr_png_", "b'\\x89PNG'", "image/png", "iVBORw=="),
        ("_repr_jpeg_", "b'\\xff\\xd8'", "image/jpeg", "/9g="),
        ("_repr_svg_", "'<svg></svg>'", "image/svg+xml", "<svg></svg>"),
        ("_repr_markdown_", "'# x'", "text/markdown", "# x"),
        ("_repr_latex_", "'$x$'", "text/latex", "$x$"),
    ] {
        let code = format!("class C:\n    def {method}(self): return {value}\nC()");
        let data = one(&kernel.execute(&code), "result")["data"].clone();
        assert_eq!(data[kind].as_str().map(str::trim), Some(shown), "{method} {data}");
        assert!(data["text/plain"].is_string(), "{method} {data}");
    }
    let code = "class C:\n    def _repr_mimebundle_(self, include=None, exclude=None):\n        \
                return {'application/json': {'a': 1}, 'text/plain': 'c'}\nC()";
    let data = one(&kernel.execute(code), "result")["data"].clone();
    assert_eq!((&data["application/json"], &data["text/plain"]), (&json!({ "a": 1 }), &json!("c")));
}

#[test]
fn an_object_that_cannot_show_itself_still_has_another_form() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let code = "class C:\n    def _repr_html_(self): raise ValueError('no')\n    def __repr__(self): return 'a C'\nC()";
    assert_eq!(one(&kernel.execute(code), "result")["data"]["text/plain"], "a C");
    let code = "class D:\n    def _repr_html_(self): return None\n    def __repr__(self): return 'a D'\nD()";
    assert_eq!(one(&kernel.execute(code), "result")["data"], json!({ "text/plain": "a D" }));
    let code = "class E:\n    def __repr__(self): raise ValueError('no repr')\nE()";
    let answer = kernel.execute(code);
    assert!(answer["outputs"].to_string().contains("no repr"), "{answer:#}");
    kernel.serves();
}

#[test]
fn display_shows_at_once_what_is_no_result() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let found = outputs(&kernel, "display(1)\ndisplay({'a': 2})\nNone");
    assert_eq!(found[0], json!({ "type": "display", "data": { "text/plain": "1" } }));
    assert_eq!(found[1], json!({ "type": "display", "data": { "text/plain": "{'a': 2}" } }));
    assert_eq!(found.as_array().map(Vec::len), Some(2), "{found:#}");
}

#[test]
fn a_figure_is_shown_as_a_picture() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    if kernel.execute("import matplotlib")["outputs"] != json!([]) {
        return harness::skip("this Python has no matplotlib");
    }
    let answer = kernel.execute("import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nNone");
    assert!(one(&answer, "display")["data"]["image/png"].is_string(), "{answer:#}");
}
