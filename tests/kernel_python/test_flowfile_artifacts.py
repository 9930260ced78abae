"""Artifacts: published, read, deleted and listed; their metadata; what keeps them alive."""

import gc
import os
import sys
import threading
import unittest
import weakref
from datetime import datetime, timedelta, timezone

from flowfile_case import FlowCase, polars, run_process


class Thing:
    pass


class PublishAndRead(FlowCase):
    def test_the_artifact_is_the_very_object(self):
        thing = Thing()
        self.run_node(1, lambda: self.flowfile.publish_artifact("thing", thing))
        self.begin(2)
        self.assertIs(self.flowfile.read_artifact("thing"), thing)

    def test_none_is_an_artifact(self):
        self.begin()
        self.flowfile.publish_artifact("nothing", None)
        self.assertIsNone(self.flowfile.read_artifact("nothing"))
        self.assertIn("nothing", self.flowfile.list_artifacts())
        with self.assertRaises(ValueError):
            self.flowfile.publish_artifact("nothing", 1)
        self.flowfile.delete_artifact("nothing")
        with self.assertRaises(KeyError):
            self.flowfile.read_artifact("nothing")

    def test_a_second_one_of_a_name_is_refused_and_the_first_stays(self):
        self.run_node(24, lambda: self.flowfile.publish_artifact("m", "first"))
        self.begin(25)
        self.assertRaisesText(
            ValueError,
            "Artifact 'm' already exists (published by node 24). Delete it first with "
            'flowfile.delete_artifact("m") before publishing a new one with the same name.',
            self.flowfile.publish_artifact,
            "m",
            "second",
        )
        self.assertEqual(self.flowfile.read_artifact("m"), "first")

    def test_the_node_that_published_it_cannot_publish_twice_either(self):
        self.begin(1)
        self.flowfile.publish_artifact("m", 1)
        with self.assertRaises(ValueError):
            self.flowfile.publish_artifact("m", 1)

    def test_an_unknown_name_is_not_found(self):
        self.begin()
        for call in (self.flowfile.read_artifact, self.flowfile.delete_artifact):
            self.assertRaisesText(KeyError, "Artifact 'q' not found", call, "q")

    def test_a_deleted_name_is_free_again(self):
        self.begin()
        self.flowfile.publish_artifact("m", 1)
        self.assertIsNone(self.flowfile.delete_artifact("m"))
        self.assertRaisesText(
            KeyError, "Artifact 'm' not found", self.flowfile.delete_artifact, "m"
        )
        self.flowfile.publish_artifact("m", 2)
        self.assertEqual(self.flowfile.read_artifact("m"), 2)

    def test_a_name_that_is_not_a_str_is_refused(self):
        self.begin()
        for name in (None, 1, b"m"):
            with self.assertRaises(TypeError):
                self.flowfile.publish_artifact(name, 1)
        self.assertEqual(self.flowfile.list_artifacts(), {})

    def test_a_str_that_hashes_as_it_likes_is_a_name_like_any_other(self):
        class Name(str):
            def __hash__(self):
                return 1

            def __str__(self):
                return "other"

        self.begin()
        self.flowfile.publish_artifact(Name("m"), 1)
        self.assertEqual(self.flowfile.read_artifact("m"), 1)
        self.assertIs(type(list(self.flowfile.list_artifacts())[0]), str)

    def test_flows_do_not_see_each_other(self):
        first = run_process(
            """
            core.begin({"node_id": 1, "flow_id": 1})
            flowfile.publish_artifact("m", 1)
            print(sorted(core.end(True)["artifacts"]))
            """
        )
        second = run_process(
            """
            core.begin({"node_id": 1, "flow_id": 2})
            print(sorted(flowfile.list_artifacts()))
            """
        )
        self.assertEqual((first, second), ("['m']\n", "[]\n"))

    def test_of_threads_that_publish_one_name_one_wins(self):
        self.begin()
        barrier = threading.Barrier(16)
        outcomes = []

        def publish(number):
            barrier.wait()
            try:
                self.flowfile.publish_artifact("m", number)
                outcomes.append(number)
            except ValueError:
                pass

        # A size that takes a while opens the gap between the look at the name and its being taken.
        threads = [threading.Thread(target=publish, args=(Slow(n),)) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(outcomes), 1)
        self.assertIs(self.flowfile.read_artifact("m"), outcomes[0])


class Slow:
    def __init__(self, number):
        self.number = number

    def __sizeof__(self):
        threading.Event().wait(0.05)
        return 1


class Metadata(FlowCase):
    def metadata(self, obj, name="m", node_id=3):
        done = self.run_node(node_id, lambda: self.flowfile.publish_artifact(name, obj))
        metadata = done["artifacts"][name]
        self.assertEqual(self.flowfile.list_artifacts()[name], metadata)
        return metadata

    def test_it_has_all_keys(self):
        before = datetime.now(timezone.utc)
        metadata = self.metadata(Thing())
        created_at = datetime.fromisoformat(metadata.pop("created_at"))
        self.assertEqual(created_at.utcoffset(), timedelta(0))
        self.assertTrue(before <= created_at <= datetime.now(timezone.utc))
        self.assertGreater(metadata.pop("size_bytes"), 0)
        self.assertEqual(
            metadata,
            {
                "name": "m",
                "type_name": "Thing",
                "module": __name__,
                "node_id": 3,
                "flow_id": 7,
            },
        )

    def test_a_node_id_is_an_int_where_it_is_one(self):
        cases = [
            ("7", 7),
            (7, 7),
            ("node_1", "node_1"),
            ("-2", -2),
            ("+2", 2),
            ("1_0", "1_0"),
            (" 7 ", " 7 "),
            ("\u0663", "\u0663"),
            ("", ""),
            ("-", "-"),
            (str(2**63 - 1), 2**63 - 1),
            (str(2**63), str(2**63)),
            ("9" * 5000, "9" * 5000),
        ]
        for number, (node_id, expected) in enumerate(cases):
            metadata = self.metadata(1, name=str(number), node_id=node_id)
            self.assertEqual(metadata["node_id"], expected)
            self.assertIs(type(metadata["node_id"]), type(expected))

    def test_the_list_is_a_copy(self):
        self.metadata(1)
        self.flowfile.list_artifacts()["m"]["name"] = "changed"
        self.flowfile.list_artifacts().clear()
        self.assertEqual(self.flowfile.list_artifacts()["m"]["name"], "m")

    def test_the_size_is_that_of_the_object(self):
        self.assertEqual(self.metadata(b"x" * 1000)["size_bytes"], sys.getsizeof(b"x" * 1000))

    def test_the_size_of_a_library_object_is_that_of_its_data(self):
        objects = []
        try:
            import numpy

            objects += [numpy.zeros(100_000)[:], numpy.zeros((2, 50_000)).T]
        except ImportError:
            print(f"skipped: numpy is not importable by {sys.executable}")
        if polars:
            objects += [polars.DataFrame({"a": [0.0] * 100_000}), polars.Series([0.0] * 100_000)]
        try:
            import pyarrow

            objects.append(pyarrow.table({"a": [0.0] * 100_000}))
        except ImportError:
            print(f"skipped: pyarrow is not importable by {sys.executable}")
        try:
            import pandas

            objects += [pandas.DataFrame({"a": [0.0] * 100_000})]
            objects += [pandas.Series([0.0] * 100_000), pandas.Index([0.0] * 100_000)]
        except ImportError:
            print(f"skipped: pandas is not importable by {sys.executable}")
        for number, obj in enumerate(objects):
            with self.subTest(type=type(obj)):
                size = self.metadata(obj, str(number), node_id=number)["size_bytes"]
                self.assertIs(type(size), int)
                # Its index of 800 000 bytes may come on top, as in pandas of numbers.
                self.assertTrue(800_000 <= size <= 1_700_000, size)

    def test_the_strings_of_a_pandas_frame_are_not_walked(self):
        try:
            import pandas
        except ImportError:
            self.skipTest(f"pandas is not importable by {sys.executable}")
        frame = pandas.DataFrame({"a": ["x" * 1000] * 1000}, dtype=object)
        for number, obj in enumerate([frame, frame["a"], pandas.Index(frame["a"], dtype=object)]):
            size = self.metadata(obj, str(number), node_id=number)["size_bytes"]
            self.assertTrue(8000 <= size < 100_000, size)

    def test_objects_that_misbehave_do_not_break_it(self):
        class Meta(type):
            @property
            def __name__(cls):
                raise ZeroDivisionError

            def __getattribute__(cls, name):
                raise ZeroDivisionError

        class OddClass(metaclass=Meta):
            pass

        class OddModule:
            __module__ = 5

        for number, obj in enumerate([Misbehaving(), OddClass(), OddModule()]):
            with self.subTest(number=number):
                metadata = self.metadata(obj, str(number), node_id=number)
                self.assertEqual(
                    metadata["type_name"], ["Misbehaving", "OddClass", "OddModule"][number]
                )
                self.assertEqual(metadata["module"], [__name__, __name__, ""][number])

    def test_a_size_that_cannot_be_told_is_zero(self):
        for number, problem in enumerate(
            [ZeroDivisionError(), SystemExit(), BaseException(), "not a number", -1, 2**100]
        ):

            class Sizeless:
                def __sizeof__(self):
                    if isinstance(problem, BaseException):
                        raise problem
                    return problem

            metadata = self.metadata(Sizeless(), str(number), node_id=number)
            self.assertEqual(metadata["size_bytes"], 0)

    def test_an_interrupt_during_the_size_is_not_swallowed(self):
        class Interrupted:
            def __sizeof__(self):
                raise KeyboardInterrupt

        self.begin()
        with self.assertRaises(KeyboardInterrupt):
            self.flowfile.publish_artifact("m", Interrupted())
        self.assertEqual(self.flowfile.list_artifacts(), {})


class Misbehaving:
    @property
    def __class__(self):
        raise ZeroDivisionError

    def __getattribute__(self, name):
        raise ZeroDivisionError

    def __sizeof__(self):
        raise ZeroDivisionError

    def __repr__(self):
        raise ZeroDivisionError

    def __eq__(self, other):
        raise ZeroDivisionError

    def __bool__(self):
        raise ZeroDivisionError


class Lifetime(FlowCase):
    def publish_and_watch(self, node_id=1):
        thing = Thing()
        self.run_node(node_id, lambda: self.flowfile.publish_artifact("thing", thing))
        return weakref.ref(thing)

    def test_it_lives_while_it_is_published(self):
        watched = self.publish_and_watch()
        gc.collect()
        self.assertIsNotNone(watched())

    def test_nothing_keeps_it_after_it_went(self):
        def delete():
            self.begin(2)
            self.flowfile.delete_artifact("thing")

        for drop in (
            delete,
            lambda: self.begin(1),
            lambda: self.core.ask({"op": "clear_artifacts"}),
            lambda: self.core.ask({"op": "clear_node_artifacts", "node_ids": [1]}),
        ):
            watched = self.publish_and_watch()
            gc.disable()
            self.addCleanup(gc.enable)
            drop()
            # Not even until the next collection of garbage.
            self.assertIsNone(watched())

    def test_a_refused_second_one_is_not_kept(self):
        self.begin()
        self.flowfile.publish_artifact("m", 1)
        thing = Thing()
        with self.assertRaises(ValueError):
            self.flowfile.publish_artifact("m", thing)
        watched = weakref.ref(thing)
        del thing
        gc.collect()
        self.assertIsNone(watched())

    def test_a_finalizer_can_use_artifacts(self):
        flowfile, seen = self.flowfile, []

        class Last:
            def __del__(self):
                seen.append(sorted(flowfile.list_artifacts()))
                flowfile.publish_artifact("from_finalizer", 1)

        self.begin(1)
        self.flowfile.publish_artifact("last", Last())
        self.flowfile.delete_artifact("last")
        self.assertEqual(seen, [[]])
        self.assertEqual(list(self.flowfile.list_artifacts()), ["from_finalizer"])

    @unittest.skipUnless(hasattr(os, "fork"), "needs fork")
    def test_a_forked_process_can_use_what_other_threads_were_using(self):
        out = run_process(
            """
            import os, threading, warnings
            warnings.simplefilter("ignore")
            core.begin({"node_id": 1})
            stop = False
            def busy(name):
                while not stop:
                    flowfile.publish_artifact(name, name)
                    flowfile.list_artifacts()
                    flowfile.delete_artifact(name)
            threads = [threading.Thread(target=busy, args=(str(n),)) for n in range(4)]
            for thread in threads: thread.start()
            statuses = set()
            for _ in range(50):
                pid = os.fork()
                if pid == 0:
                    flowfile.publish_artifact("mine", 1)
                    flowfile.list_artifacts()
                    os._exit(0)
                statuses.add(os.waitpid(pid, 0)[1])
            stop = True
            for thread in threads: thread.join()
            print(statuses, flowfile.list_artifacts())
            """
        )
        self.assertEqual(out, "{0} {}\n")


if __name__ == "__main__":
    unittest.main()
