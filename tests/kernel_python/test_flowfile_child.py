"""Module flowfile in the real child, over the protocol."""

import importlib.util
import os
import shutil
import sys
import tempfile
import unittest

from flowfile_case import needs_polars, polars
from host import KernelTest


class FlowTest(KernelTest):
    options = {"api": "flowfile"}

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def flow(self, node_id=1, **flow):
        return {
            "node_id": node_id,
            "flow_id": 7,
            "input_paths": {},
            "output_dir": "",
            "log_callback_url": "",
            **flow,
        }

    def run_node(self, code, node_id=1, **flow):
        return self.run_cell(code, flow=self.flow(node_id, **flow), auto_display=False)

    def fail_node(self, code, node_id=1, **flow):
        answer = self.child.run(code, flow=self.flow(node_id, **flow), auto_display=False)
        self.assertFalse(answer.end["success"])
        return answer


class InTheChild(FlowTest):
    def test_the_finished_frame_tells_of_the_artifacts(self):
        end = self.run_node("flowfile.publish_artifact('m', [1])", "24").end["flow"]
        self.assertEqual((end["published"], end["deleted"], end["output_paths"]), (["m"], [], []))
        self.assertEqual(end["artifacts"]["m"]["node_id"], 24)
        end = self.run_node("import flowfile as f\nf.delete_artifact('m')", 2).end["flow"]
        self.assertEqual((end["published"], end["deleted"]), ([], ["m"]))

    def test_a_failing_run_is_told_of_as_well(self):
        self.run_node("flowfile.publish_artifact('m', 1)")
        answer = self.fail_node("flowfile.publish_artifact('n', 1)\n1/0")
        self.assertEqual(answer.end["flow"]["published"], ["n"])
        self.assertEqual(list(answer.end["flow"]["artifacts"]), ["n"])

    def test_the_errors_of_the_contract_arrive(self):
        error = self.fail_node("flowfile.read_input()").error
        self.assertEqual(
            (error["name"], error["value"]),
            (
                "RuntimeError",
                "Upstream nodes did not run yet. "
                "Make sure you run the flow before calling read_input().",
            ),
        )
        error = self.fail_node("flowfile.read_input('zz')", input_paths={"main": ["x"]}).error
        self.assertEqual(error["name"], "KeyError")
        self.assertIn("Input 'zz' not found. Available inputs: ['main']", error["value"])

    def test_it_is_injected_each_time(self):
        self.run_node("import sys\nsys.modules['flowfile'] = flowfile = None")
        self.run_node("flowfile.list_artifacts()\nimport flowfile\nflowfile.list_artifacts()")

    def test_artifacts_outlive_the_namespace(self):
        self.run_node("x = 1\nflowfile.publish_artifact('m', 5)")
        answer = self.child.ask(op="clear_namespace")
        self.assertEqual(answer["removed"], [])
        answer = self.run_node("print('x' in globals(), flowfile.read_artifact('m'))", 2)
        self.assertEqual(answer.stdout, "False 5\n")

    def test_questions_are_answered(self):
        self.run_node("flowfile.publish_artifact('a', 1)", 1)
        self.run_node("flowfile.publish_artifact('b', 1)", "node_2")
        answer = self.child.ask(op="clear_node_artifacts", node_ids=["1"])
        self.assertEqual((list(answer["artifacts"]), answer["removed"]), (["b"], ["a"]))
        answer = self.child.ask(op="clear_artifacts")
        self.assertEqual(answer, {"artifacts": {}, "removed": ["b"]})

    def test_an_artifact_is_gone_when_its_node_runs_again(self):
        self.run_node(
            "class Thing:\n    def __del__(self): print('gone')\n"
            "flowfile.publish_artifact('m', Thing())"
        )
        answer = self.run_node("print('code')")
        self.assertEqual(answer.stdout, "gone\ncode\n")

    def test_odd_names_and_objects_do_not_break_the_frame(self):
        answer = self.run_node(
            """
class Odd:
    __module__ = 'm\\ud800'
    def __sizeof__(self): raise SystemExit
    def __repr__(self): raise SystemExit
flowfile.publish_artifact('n\\ud800\\u00e9', Odd())
"""
        )
        self.assertEqual(len(answer.end["flow"]["published"]), 1)
        self.assertEqual(self.run_node("print(len(flowfile.list_artifacts()))", 2).stdout, "1\n")

    def test_log_lines_are_in_order_with_prints(self):
        answer = self.run_node("print(1)\nflowfile.log('a')\nprint(2)\nflowfile.log_error('b')")
        self.assertEqual(answer.stdout, "1\n[INFO] a\n2\n[ERROR] b\n")

    def test_threads_see_the_context(self):
        answer = self.run_node(
            """
import threading
t = threading.Thread(target=flowfile.publish_artifact, args=('m', 1))
t.start()
t.join()
""",
            9,
        )
        self.assertEqual(answer.end["flow"]["artifacts"]["m"]["node_id"], 9)

    def test_a_silent_log_callback_can_be_interrupted(self):
        token = self.child.start(
            """
import socket
with socket.socket() as silent:
    silent.bind(('127.0.0.1', 0))
    silent.listen(1)
    import urllib.request  # while it is imported nothing can be said of where it waits
    from nanofaas_kernel import flow_context
    url = 'http://127.0.0.1:%d/' % silent.getsockname()[1]
    flow_context.current().log_callback_url = url
    from nanofaas_kernel import flow_log
    flow_log.CALLBACK_TIMEOUT = 60
    print('waiting', flush=True)
    flowfile.log('a')
""",
            flow=self.flow(),
        )
        self.child.finish(token, until="waiting")
        self.child.interrupt()
        answer = self.child.finish(token)
        self.assertEqual(answer.error["name"], "KeyboardInterrupt")
        self.run_node("flowfile.log('b')")

    def test_display_sends_one_representation(self):
        code = (
            "flowfile.display('<b>x</b>', 'T')\nflowfile.display(7)\n"
            "class H:\n    def _repr_html_(self): return '<i>h</i>'\n"
            "flowfile.display(H(), title='U')"
        )
        self.assertEqual(
            self.run_node(code).json("d"),
            [
                {"data": {"text/html": "<b>x</b>"}, "title": "T"},
                {"data": {"text/plain": "7"}, "title": ""},
                {"data": {"text/html": "<i>h</i>"}, "title": "U"},
            ],
        )

    def test_a_figure_that_is_displayed_is_not_shown_again_at_the_end(self):
        if importlib.util.find_spec("matplotlib") is None:
            self.skipTest(f"matplotlib is not importable by {sys.executable}")
        code = (
            "import matplotlib.pyplot as plt\nfigure = plt.figure()\nplt.plot([1, 2])\n"
            "flowfile.display(figure, 'T')\nflowfile.display(figure, 'again')"
        )
        shown = self.run_node(code).json("d")
        self.assertEqual([list(display["data"]) for display in shown], [["image/png"]] * 2)
        self.assertEqual([display["title"] for display in shown], ["T", "again"])


@needs_polars
class WithPolars(FlowTest):
    def test_an_input_becomes_an_output(self):
        paths = [os.path.join(self.folder, name) for name in ("1.parquet", "2.parquet")]
        for number, path in enumerate(paths):
            polars.DataFrame({"a": [number]}).write_parquet(path)
        out = os.path.join(self.folder, "out")
        answer = self.run_node(
            "df = flowfile.read_input()\nflowfile.publish_output(df)\n"
            "flowfile.publish_output(flowfile.read_inputs()['main'][1].collect(), 'b')",
            input_paths={"main": paths},
            output_dir=out,
        )
        names = [os.path.join(out, name) for name in ("b.parquet", "main.parquet")]
        self.assertEqual(answer.end["flow"]["output_paths"], names)
        self.assertEqual([polars.read_parquet(n)["a"].to_list() for n in names], [[1], [0, 1]])
        answer = self.fail_node("1/0", output_dir=out)
        self.assertEqual(answer.end["flow"]["output_paths"], [])

    def test_an_interrupted_output_leaves_nothing(self):
        out = os.path.join(self.folder, "out")
        token = self.child.start(
            """
import polars, time
def slow(frame, path):
    open(path, 'w').close()
    print('writing', flush=True)
    time.sleep(60)
polars.DataFrame.write_parquet = slow
flowfile.publish_output(polars.DataFrame({'a': [1]}))
""",
            flow=self.flow(output_dir=out),
        )
        self.child.finish(token, until="writing")
        self.child.interrupt()
        answer = self.child.finish(token)
        self.assertEqual(answer.error["name"], "KeyboardInterrupt")
        self.assertEqual(os.listdir(out), [])


if __name__ == "__main__":
    unittest.main()
