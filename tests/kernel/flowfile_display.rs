//! What a node shows.

use harness::Kernel;
use serde_json::{Value, json};

fn shown(answer: &Value) -> Vec<Value> {
    let all = answer["display_outputs"].as_array().expect("a list").clone();
    for output in &all {
        let keys: Vec<_> = output.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(keys, ["data", "mime_type", "title"], "{output}");
    }
    all
}

#[test]
fn an_object_is_shown_with_its_title() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let answer = kernel.node_succeeds(1, "flowfile.display(42, 'the answer')\nflowfile.display(43)", &json!({}));
    let expected = [
        json!({ "mime_type": "text/plain", "data": "42", "title": "the answer" }),
        json!({ "mime_type": "text/plain", "data": "43", "title": "" }),
    ];
    assert_eq!(shown(&answer), expected);
}

#[test]
fn html_is_shown_as_such() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let code = "class Page:\n    def _repr_html_(self): return '<b>x</b>'\nflowfile.display(Page(), title='page')";
    let expected = [json!({ "mime_type": "text/html", "data": "<b>x</b>", "title": "page" })];
    assert_eq!(shown(&kernel.node_succeeds(1, code, &json!({}))), expected);
}

#[test]
fn a_picture_is_shown_as_base64() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let code = "class Picture:\n    def _repr_png_(self): return b'\\x89PNG'\nflowfile.display(Picture())";
    let all = shown(&kernel.node_succeeds(1, code, &json!({})));
    assert_eq!((all.len(), &all[0]["mime_type"]), (1, &json!("image/png")), "{all:#?}");
    assert_eq!(all[0]["data"].as_str().map(str::trim), Some("iVBORw=="));
}

#[test]
fn a_figure_is_shown_as_a_picture() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    if kernel.node(1, "import matplotlib")["success"] == false {
        return harness::skip("this Python has no matplotlib");
    }
    let code = "import matplotlib.pyplot as plt\nfigure, axes = plt.subplots()\naxes.plot([1, 2])\nflowfile.display(figure, 'plot')";
    let all = shown(&kernel.node_succeeds(1, code, &json!({})));
    assert_eq!((&all[0]["mime_type"], &all[0]["title"]), (&json!("image/png"), &json!("plot")));
}

#[test]
fn the_last_expression_is_shown_only_where_that_is_asked_for() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    for keys in [json!({}), json!({ "interactive": false })] {
        assert!(shown(&kernel.node_succeeds(1, "40 + 2", &keys)).is_empty());
    }
    let interactive = json!({ "interactive": true });
    let all = shown(&kernel.node_succeeds(1, "40 + 2", &interactive));
    assert_eq!(all, [json!({ "mime_type": "text/plain", "data": "42", "title": "" })]);
    for code in ["x = 1", "None", "", "print(1)", "1\nx = 2"] {
        assert!(shown(&kernel.node_succeeds(1, code, &interactive)).is_empty(), "{code:?}");
    }
    let code = "flowfile.display(1)\n2";
    assert_eq!(shown(&kernel.node_succeeds(1, code, &interactive)).len(), 2);
}

#[test]
fn what_was_shown_before_an_error_is_told() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let answer = kernel.node(1, "flowfile.display(1)\n1 / 0");
    assert_eq!((&answer["success"], shown(&answer).len()), (&json!(false), 1));
}

#[test]
fn each_execution_shows_its_own() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    for number in 0..3 {
        let all = shown(&kernel.node_succeeds(1, &format!("flowfile.display({number})"), &json!({})));
        assert_eq!((all.len(), &all[0]["data"]), (1, &json!(number.to_string())));
    }
}

#[test]
fn the_last_ones_of_a_node_can_be_asked_for() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let ask = |flow: u32, node: &str| kernel.get(&format!("/display_outputs?flow_id={flow}&node_id={node}")).json();
    assert_eq!(ask(1, "1"), json!([]));
    for (flow, node, value) in [(1, "1", 1), (1, "2", 2), (2, "1", 3), (1, "1", 4), (1, "node_x", 5)] {
        kernel.node_succeeds(node, &format!("flowfile.display({value}, 't')"), &json!({ "flow_id": flow }));
    }
    for (flow, node, value) in [(1, "1", "4"), (1, "2", "2"), (2, "1", "3"), (1, "node_x", "5")] {
        assert_eq!(
            ask(flow, node),
            json!([{ "mime_type": "text/plain", "data": value, "title": "t" }]),
            "{flow} {node}"
        );
    }
    kernel.node_succeeds(1, "pass", &json!({ "flow_id": 1 }));
    assert_eq!(ask(1, "1"), json!([]));
}

#[test]
fn an_object_that_cannot_show_itself_is_no_end() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let code = "class C:\n    def _repr_html_(self): raise ValueError('no')\n    def __repr__(self): return 'a C'\nflowfile.display(C())";
    let all = shown(&kernel.node_succeeds(1, code, &json!({})));
    assert!(all[0]["data"].as_str().is_some_and(|text| text.contains("a C")), "{all:#?}");
}
