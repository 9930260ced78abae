//! Tables that go into a node and come out of it, with real files.

use std::path::{Path, PathBuf};

use harness::{Kernel, Scratch, polars, skip};
use serde_json::{Value, json};

/// A kernel whose Python has polars, and a folder.
fn start() -> Option<(Kernel, Scratch)> {
    let python = polars()?;
    Some((Kernel::flowfile(&[("WATCHDOG_CMD", &python)])?, Scratch::new()))
}

/// Writes a table of one column with real polars.
fn table(kernel: &Kernel, path: &Path, values: &[i64]) -> String {
    let path = path.display().to_string();
    let code = format!("import polars\npolars.DataFrame({{'x': {values:?}}}).write_parquet({path:?})");
    kernel.node_succeeds("writes", &code, &json!({ "flow_id": 1000 }));
    path
}

fn failure(answer: &Value) -> String {
    assert_eq!(answer["success"], false, "{answer:#}");
    answer["error"].as_str().unwrap_or_else(|| panic!("no error: {answer:#}")).to_owned()
}

fn prints(kernel: &Kernel, code: &str, keys: &Value, expected: &str) {
    assert_eq!(kernel.node_succeeds(1, code, keys)["stdout"], expected, "{code}");
}

fn folder(scratch: &Scratch, name: &str) -> PathBuf {
    let path = scratch.path().join(name);
    std::fs::create_dir_all(&path).expect("a writable directory");
    path
}

#[test]
fn an_input_is_a_lazy_frame() {
    let Some((kernel, scratch)) = start() else { return };
    let path = table(&kernel, &scratch.path().join("in.parquet"), &[1, 2, 3]);
    let keys = json!({ "input_paths": { "main": [path] } });
    let code = "import polars\ndf = flowfile.read_input()\nprint(isinstance(df, polars.LazyFrame), df.collect()['x'].to_list())";
    prints(&kernel, code, &keys, "True [1, 2, 3]\n");
    prints(&kernel, "print(flowfile.read_input('main').collect().height)", &keys, "3\n");
}

#[test]
fn several_files_are_one_table() {
    let Some((kernel, scratch)) = start() else { return };
    let paths = [1, 2, 3].map(|n| table(&kernel, &scratch.path().join(format!("{n}.parquet")), &[n, n * 10]));
    let keys = json!({ "input_paths": { "main": paths } });
    prints(&kernel, "print(flowfile.read_input().collect()['x'].to_list())", &keys, "[1, 10, 2, 20, 3, 30]\n");
    prints(&kernel, "print(flowfile.read_first().collect()['x'].to_list())", &keys, "[1, 10]\n");
}

#[test]
fn all_inputs_can_be_read_both_ways() {
    let Some((kernel, scratch)) = start() else { return };
    let [a, b, c] = [1, 2, 3].map(|n| table(&kernel, &scratch.path().join(format!("{n}.parquet")), &[n]));
    let keys = json!({ "input_paths": { "left": [a, b], "right": [c] } });
    let code = "import polars\nall = flowfile.read_inputs()\nprint(sorted(all))\nleft = all['left']\n\
                print(len(left), isinstance(left, list), [part.collect()['x'].to_list() for part in left])\n\
                print(left[1].collect()['x'].to_list())\n\
                print(left.collect()['x'].to_list(), left.select(polars.col('x').sum()).collect().item())";
    prints(&kernel, code, &keys, "['left', 'right']\n2 True [[1], [2]]\n[2]\n[1, 2] 3\n");
    prints(&kernel, "print(flowfile.read_input('right').collect()['x'].to_list())", &keys, "[3]\n");
}

#[test]
fn a_file_that_is_missing_fails_only_when_it_is_needed() {
    let Some((kernel, scratch)) = start() else { return };
    let path = scratch.path().join("nowhere.parquet").display().to_string();
    let keys = json!({ "input_paths": { "main": [path] } });
    prints(&kernel, "df = flowfile.read_input()\nprint('lazy')", &keys, "lazy\n");
    let error = failure(&kernel.node_with(1, "flowfile.read_input().collect()", &keys));
    assert!(error.contains("nowhere.parquet") || error.contains("No such file"), "{error}");
}

#[test]
fn without_inputs_it_is_said_what_to_do() {
    let Some((kernel, _scratch)) = start() else { return };
    let expected =
        "RuntimeError: Upstream nodes did not run yet. Make sure you run the flow before calling read_input().";
    assert_eq!(failure(&kernel.node(1, "flowfile.read_input()")), expected);
    assert_eq!(failure(&kernel.node_with(1, "flowfile.read_input('zz')", &json!({ "input_paths": {} }))), expected);
}

#[test]
fn an_input_that_is_not_there_is_told_with_those_that_are() {
    let Some((kernel, scratch)) = start() else { return };
    let path = table(&kernel, &scratch.path().join("in.parquet"), &[1]);
    let keys = json!({ "input_paths": { "main": [path] } });
    let error = failure(&kernel.node_with(1, "flowfile.read_input('zz')", &keys));
    assert!(error.starts_with("KeyError: "), "{error}");
    assert!(error.contains("Input 'zz' not found. Available inputs: ['main']"), "{error}");
}

#[test]
fn an_output_is_a_file_in_the_folder() {
    let Some((kernel, scratch)) = start() else { return };
    let out = folder(&scratch, "out");
    let keys = json!({ "output_dir": out });
    for frame in ["polars.DataFrame({'x': [1, 2]})", "polars.LazyFrame({'x': [1, 2]})"] {
        let code = format!("import polars\nflowfile.publish_output({frame})");
        let answer = kernel.node_succeeds(1, &code, &keys);
        assert_eq!(answer["output_paths"], json!([out.join("main.parquet")]), "{frame}");
        let read = format!("import polars\nprint(polars.read_parquet({:?})['x'].to_list())", out.join("main.parquet"));
        prints(&kernel, &read, &json!({}), "[1, 2]\n");
    }
}

#[test]
fn several_outputs_are_sorted() {
    let Some((kernel, scratch)) = start() else { return };
    let out = folder(&scratch, "out");
    let code = "import polars\ndf = polars.DataFrame({'x': [1]})\nfor name in ('b', 'main', 'a'): flowfile.publish_output(df, name)";
    let answer = kernel.node_succeeds(1, code, &json!({ "output_dir": out }));
    let expected = ["a", "b", "main"].map(|name| out.join(format!("{name}.parquet")));
    assert_eq!(answer["output_paths"], json!(expected));
}

#[test]
fn a_folder_that_is_not_there_is_made() {
    let Some((kernel, scratch)) = start() else { return };
    let out = scratch.path().join("deep/down");
    let code = "import polars\nflowfile.publish_output(polars.DataFrame({'x': [1]}))";
    let answer = kernel.node_succeeds(1, code, &json!({ "output_dir": out }));
    assert_eq!(answer["output_paths"], json!([out.join("main.parquet")]));
}

#[test]
fn a_failure_has_no_outputs() {
    let Some((kernel, scratch)) = start() else { return };
    let out = folder(&scratch, "out");
    let code = "import polars\nflowfile.publish_output(polars.DataFrame({'x': [1]}))\n1 / 0";
    let answer = kernel.node_with(1, code, &json!({ "output_dir": out }));
    assert_eq!((&answer["success"], &answer["output_paths"]), (&json!(false), &json!([])));
}

#[test]
fn a_name_cannot_lead_out_of_the_folder() {
    let Some((kernel, scratch)) = start() else { return };
    let out = folder(&scratch, "out");
    for name in ["../evil", "a/b", "..", "/etc/evil", "a/../b"] {
        let code = format!("import polars\nflowfile.publish_output(polars.DataFrame({{'x': [1]}}), {name:?})");
        let answer = kernel.node_with(1, &code, &json!({ "output_dir": out }));
        assert!(failure(&answer).starts_with("ValueError"), "{name} {answer:#}");
    }
    let left: Vec<_> =
        std::fs::read_dir(scratch.path()).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["out"]);
    assert_eq!(std::fs::read_dir(out).expect("a folder").count(), 0);
}

#[test]
fn the_output_of_one_node_is_the_input_of_the_next() {
    let Some((kernel, scratch)) = start() else { return };
    let (first, second) = (folder(&scratch, "1"), folder(&scratch, "2"));
    let start = table(&kernel, &scratch.path().join("in.parquet"), &[1, 2, 3]);
    let code = "import polars as pl\nflowfile.publish_output(flowfile.read_input().with_columns(y=pl.col('x') * 2))";
    let answer = kernel.node_succeeds(1, code, &json!({ "input_paths": { "main": [start] }, "output_dir": first }));
    let keys = json!({ "input_paths": { "main": answer["output_paths"] }, "output_dir": second });
    let code = "flowfile.publish_output(flowfile.read_input().filter(pl.col('y') > 2))";
    let answer = kernel.node_succeeds(2, code, &keys);
    let read = format!("print(pl.read_parquet({})['y'].to_list())", answer["output_paths"][0]);
    prints(&kernel, &read, &json!({}), "[4, 6]\n");
}

#[test]
fn a_table_is_shown_as_html() {
    let Some((kernel, _scratch)) = start() else { return };
    let answer =
        kernel.node_succeeds(1, "import polars\npolars.DataFrame({'x': [1]})", &json!({ "interactive": true }));
    let shown = &answer["display_outputs"][0];
    assert_eq!(shown["mime_type"], "text/html", "{answer:#}");
    assert!(shown["data"].as_str().is_some_and(|html| html.contains("<table")), "{answer:#}");
}

#[test]
fn a_table_can_be_an_artifact() {
    let Some((kernel, _scratch)) = start() else { return };
    kernel.node_succeeds(
        24,
        "import polars\nflowfile.publish_artifact('t', polars.DataFrame({'x': [1, 2]}))",
        &json!({}),
    );
    prints(&kernel, "print(flowfile.read_artifact('t')['x'].to_list())", &json!({}), "[1, 2]\n");
    let described = kernel.get("/artifacts").json()["t"].clone();
    assert_eq!(described["type_name"], "DataFrame", "{described}");
    assert!(described["module"].as_str().is_some_and(|module| module.starts_with("polars")), "{described}");
}

#[test]
fn without_polars_only_what_needs_it_fails_and_says_what_to_install() {
    // Without `site` there are no packages.
    let Some(kernel) = Kernel::flowfile(&[("WATCHDOG_CMD", "python3 -S")]) else { return };
    if kernel.node(1, "import polars")["success"] == true {
        return skip("this Python finds polars also with -S");
    }
    let scratch = Scratch::new();
    let out = folder(&scratch, "out");
    kernel.node_succeeds(1, "flowfile.publish_artifact('a', 1)\nflowfile.log('x')\nflowfile.display(1)", &json!({}));
    let keys = json!({ "input_paths": { "main": ["/nowhere.parquet"] }, "output_dir": out });
    for code in ["flowfile.read_input()", "flowfile.read_inputs()", "flowfile.read_first()"] {
        let error = failure(&kernel.node_with(2, code, &keys));
        assert!(error.starts_with("ImportError: ") || error.starts_with("ModuleNotFoundError: "), "{code}: {error}");
        assert!(error.contains("polars") && error.contains("install"), "{code}: {error}");
    }
}

#[test]
fn all_tables_of_the_folder_are_outputs_whoever_wrote_them() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let scratch = Scratch::new();
    let out = folder(&scratch, "out");
    for name in ["b.parquet", "a.parquet", "notes.txt"] {
        std::fs::write(out.join(name), "").expect("a writable directory");
    }
    let keys = json!({ "output_dir": out });
    let expected = json!([out.join("a.parquet"), out.join("b.parquet")]);
    assert_eq!(kernel.node_succeeds(1, "pass", &keys)["output_paths"], expected);
    assert_eq!(kernel.node_with(1, "1 / 0", &keys)["output_paths"], json!([]));
}
