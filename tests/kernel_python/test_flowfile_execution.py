"""install, begin, end, ask: what the kernel core does around the code of a node."""

import sys
import threading
import types
import unittest

from flowfile_case import FlowCase, run_process

PUBLIC = [
    "read_input",
    "read_first",
    "read_inputs",
    "publish_output",
    "publish_artifact",
    "read_artifact",
    "delete_artifact",
    "list_artifacts",
    "display",
    "log",
    "log_info",
    "log_warning",
    "log_error",
    "get_shared_location",
]


class Install(FlowCase):
    def test_the_module_is_injected_and_importable(self):
        import flowfile

        self.assertIs(self.namespace["flowfile"], flowfile)
        self.assertIs(type(flowfile), types.ModuleType)
        self.assertEqual(flowfile.__name__, "flowfile")

    def test_all_public_functions_are_there_with_docstrings(self):
        self.assertEqual(self.flowfile.__all__, PUBLIC)
        self.assertTrue(self.flowfile.__doc__)
        for name in PUBLIC:
            function = getattr(self.flowfile, name)
            self.assertEqual((function.__name__, function.__module__), (name, "flowfile"))
            self.assertTrue(function.__doc__, name)
        namespace = {}
        exec("from flowfile import *", namespace)
        self.assertEqual(set(PUBLIC), set(namespace) - {"__builtins__"})

    def test_it_is_injected_each_time_whatever_user_code_did_to_it(self):
        self.namespace["flowfile"] = None
        sys.modules["flowfile"] = None
        self.flowfile.read_input = None
        del self.flowfile.log
        self.flowfile.__all__.clear()
        self.core.install(self.namespace)
        self.assertIs(self.namespace["flowfile"], self.flowfile)
        self.assertIs(sys.modules["flowfile"], self.flowfile)
        self.assertTrue(callable(self.flowfile.read_input) and callable(self.flowfile.log))
        self.assertEqual(self.flowfile.__all__, PUBLIC)

    def test_it_imports_nothing_that_is_slow_or_not_in_the_standard_library(self):
        out = run_process(
            """
            namespace.clear()
            print([name for name in ("polars", "pyarrow", "urllib.request", "json", "ssl",
                   "datetime", "nanofaas_kernel.rich") if name in sys.modules])
            """
        )
        self.assertEqual(out, "[]\n")

    def test_outside_of_an_execution_the_error_says_so(self):
        for call, arguments in (
            ("read_input", ()),
            ("publish_artifact", ("m", 1)),
            ("read_artifact", ("m",)),
            ("delete_artifact", ("m",)),
            ("list_artifacts", ()),
            ("publish_output", (1,)),
            ("log", ("x",)),
        ):
            self.assertRaisesText(
                RuntimeError,
                "flowfile can only be used in code that is executed as a node of a flow.",
                getattr(self.flowfile, call),
                *arguments,
            )


class Execution(FlowCase):
    def publish(self, *names):
        for name in names:
            self.flowfile.publish_artifact(name, name)

    def test_published_is_what_exists_after_and_not_before_sorted(self):
        self.run_node(1, lambda: self.publish("old"))

        def code():
            self.publish("z", "a", "gone")
            self.flowfile.delete_artifact("gone")

        done = self.run_node(2, code)
        self.assertEqual(done["published"], ["a", "z"])
        self.assertEqual(done["deleted"], [])
        self.assertEqual(sorted(done["artifacts"]), ["a", "old", "z"])

    def test_deleted_is_what_existed_before_and_does_not_now_sorted(self):
        self.run_node(1, lambda: self.publish("z", "a", "back", "kept"))

        def code():
            for name in ("z", "a", "back"):
                self.flowfile.delete_artifact(name)
            self.publish("back")

        done = self.run_node(2, code)
        self.assertEqual(done["deleted"], ["a", "z"])
        self.assertEqual(done["published"], [])

    def test_a_node_that_runs_again_loses_its_artifacts_before_its_code_runs(self):
        self.run_node(1, lambda: self.publish("stale", "again"))
        self.run_node(2, lambda: self.publish("other"))
        seen = []

        def code():
            seen.extend(self.flowfile.list_artifacts())
            self.publish("again")

        done = self.run_node(1, code)
        self.assertEqual(seen, ["other"])
        self.assertEqual(done["published"], ["again"])
        self.assertEqual(done["deleted"], [])

    def test_also_when_it_fails_then(self):
        self.run_node(1, lambda: self.publish("m"))
        done = self.run_node(1, success=False)
        self.assertEqual(done["artifacts"], {})
        self.assertEqual((done["published"], done["deleted"]), ([], []))

    def test_an_id_as_a_str_is_the_same_node(self):
        self.run_node(7, lambda: self.publish("m"))
        self.assertEqual(self.run_node("7")["artifacts"], {})
        self.run_node("node_1", lambda: self.publish("m"))
        self.assertEqual(list(self.run_node("1")["artifacts"]), ["m"])
        self.assertEqual(self.run_node("node_1")["artifacts"], {})

    def test_artifacts_of_a_failed_run_stay_and_are_told(self):
        done = self.run_node(1, lambda: self.publish("m"), success=False)
        self.assertEqual(done["published"], ["m"])
        self.assertEqual(list(done["artifacts"]), ["m"])

    def test_threads_see_the_context(self):
        self.begin(3)
        thread = threading.Thread(target=self.publish, args=("m",))
        thread.start()
        thread.join()
        self.assertEqual(self.core.end(True)["artifacts"]["m"]["node_id"], 3)


class Ask(FlowCase):
    def setUp(self):
        super().setUp()
        for node_id in (1, 2, "node_3"):
            self.run_node(node_id, lambda: self.flowfile.publish_artifact(f"of_{node_id}", node_id))

    def test_clear_artifacts_drops_all(self):
        answer = self.core.ask({"op": "clear_artifacts"})
        self.assertEqual(answer, {"artifacts": {}, "removed": ["of_1", "of_2", "of_node_3"]})
        self.assertEqual(self.core.ask({"op": "clear_artifacts"}), {"artifacts": {}, "removed": []})

    def test_clear_node_artifacts_drops_those_of_the_nodes(self):
        answer = self.core.ask({"op": "clear_node_artifacts", "node_ids": ["node_3", "1", 99]})
        self.assertEqual(answer["removed"], ["of_1", "of_node_3"])
        self.assertEqual(list(answer["artifacts"]), ["of_2"])
        self.assertEqual(answer["artifacts"]["of_2"]["node_id"], 2)

    def test_the_removed_names_are_sorted(self):
        def code():
            for name in "zbya":
                self.flowfile.publish_artifact(name, 1)

        for question in (
            {"op": "clear_node_artifacts", "node_ids": [9]},
            {"op": "clear_artifacts"},
        ):
            self.run_node(9, code)
            removed = self.core.ask(question)["removed"]
            self.assertEqual(removed, sorted(removed))
            self.assertLessEqual(set("zbya"), set(removed))

    def test_what_was_cleared_between_executions_is_not_deleted_by_the_next(self):
        self.core.ask({"op": "clear_artifacts"})
        self.assertEqual(self.run_node(5)["deleted"], [])

    def test_another_question_is_an_error(self):
        with self.assertRaises(ValueError):
            self.core.ask({"op": "clear_namespace"})
        self.assertEqual(len(self.flowfile.list_artifacts()), 3)


if __name__ == "__main__":
    unittest.main()
