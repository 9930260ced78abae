//! What a node tells Flowfile while it runs.

use harness::{Gate, Kernel, Receiver, flow, free_port, wait_at};
use serde_json::json;

const FOUR: &str = "flowfile.log('a')\nflowfile.log('b', 'DEBUG')\nflowfile.log_info('c')\n\
                    flowfile.log_warning('d')\nflowfile.log_error('e')";

#[test]
fn without_a_receiver_it_is_printed_with_its_level() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let answer = kernel.node_succeeds(1, FOUR, &json!({}));
    assert_eq!(answer["stdout"], "[INFO] a\n[DEBUG] b\n[INFO] c\n[WARNING] d\n[ERROR] e\n");
}

#[test]
fn a_receiver_gets_each_line_with_its_flow_and_its_node() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let receiver = Receiver::start();
    let keys = json!({ "flow_id": 3, "log_callback_url": receiver.url("/raw_logs") });
    kernel.node_succeeds(24, FOUR, &keys);
    let all = receiver.arrived(5);
    assert_eq!(all.len(), 5, "{all:#?}");
    for ((path, body), (text, level)) in
        all.iter().zip([("a", "INFO"), ("b", "DEBUG"), ("c", "INFO"), ("d", "WARNING"), ("e", "ERROR")])
    {
        assert_eq!(path, "/raw_logs");
        let expected = json!({ "flowfile_flow_id": 3, "node_id": 24, "log_message": text, "log_type": level });
        assert_eq!(body, &expected);
    }
}

#[test]
fn a_line_is_received_while_the_code_runs() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let (receiver, gate) = (Receiver::start(), Gate::new());
    let code = format!("flowfile.log('begun')\n{}", wait_at(&gate));
    let keys = json!({ "log_callback_url": receiver.url("/") });
    let mut running = kernel.begin("/execute", &flow(1, &code, &keys));
    assert_eq!(receiver.arrived(1)[0].1["log_message"], "begun");
    gate.open("");
    assert_eq!(running.answer().expect("an answer").json()["success"], true);
}

#[test]
fn a_receiver_that_is_not_there_fails_nothing() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    for url in [format!("http://127.0.0.1:{}/", free_port()), "nonsense".to_owned(), "ftp://127.0.0.1/x".to_owned()] {
        let answer = kernel.node_succeeds(1, "flowfile.log('a')\nprint('on')", &json!({ "log_callback_url": url }));
        assert!(answer["stdout"].as_str().is_some_and(|text| text.ends_with("on\n")), "{url} {answer:#}");
    }
}

#[test]
fn each_execution_has_its_own_receiver() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let receivers = [Receiver::start(), Receiver::start()];
    for (flow, receiver) in (1..3).zip(&receivers) {
        let keys = json!({ "flow_id": flow, "log_callback_url": receiver.url("/") });
        kernel.node_succeeds(1, &format!("flowfile.log('{flow}')"), &keys);
    }
    for (flow, receiver) in (1..3).zip(&receivers) {
        assert_eq!(receiver.arrived(1)[0].1["log_message"], flow.to_string());
    }
    assert_eq!(kernel.node_succeeds(1, "flowfile.log('x')", &json!({ "flow_id": 1 }))["stdout"], "[INFO] x\n");
}

#[test]
fn any_text_and_any_object_can_be_told() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let receiver = Receiver::start();
    let keys = json!({ "log_callback_url": receiver.url("/") });
    kernel.node_succeeds(1, "flowfile.log('größe 🎈\\n\"x\"')\nflowfile.log(42)", &keys);
    let all = receiver.arrived(2);
    assert_eq!(all[0].1["log_message"], "größe 🎈\n\"x\"");
    assert_eq!(all[1].1["log_message"], "42");
}

#[test]
fn a_thread_of_the_code_logs_for_its_node() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let receiver = Receiver::start();
    let code = "import threading\nt = threading.Thread(target=flowfile.log, args=('inside',))\nt.start()\nt.join()";
    kernel.node_succeeds(9, code, &json!({ "flow_id": 2, "log_callback_url": receiver.url("/") }));
    let body = receiver.arrived(1)[0].1.clone();
    assert_eq!((&body["node_id"], &body["flowfile_flow_id"]), (&json!(9), &json!(2)));
}
