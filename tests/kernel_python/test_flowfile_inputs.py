"""read_input, read_first, read_inputs: the upstream files as LazyFrames."""

import copy
import importlib
import os
import pickle
import sys
import unittest
from unittest import mock

from flowfile_case import FlowCase, needs_polars, polars

NOT_RUN = "Upstream nodes did not run yet. Make sure you run the flow before calling read_input()."


class WithoutInputs(FlowCase):
    def test_no_inputs_says_that_the_upstream_nodes_did_not_run(self):
        for inputs in ({}, {"main": []}):
            self.begin(input_paths=inputs)
            for read in ("read_input", "read_first", "read_inputs"):
                with self.subTest(inputs=inputs, read=read):
                    self.assertRaisesText(RuntimeError, NOT_RUN, getattr(self.flowfile, read))

    def test_an_input_without_files_beside_one_with_files_did_not_run(self):
        self.begin(input_paths={"main": [], "other": ["x.parquet"]})
        self.assertRaisesText(RuntimeError, NOT_RUN, self.flowfile.read_input)

    def test_an_unknown_name_lists_the_inputs_there_are(self):
        self.begin(input_paths={"main": ["x.parquet"]})
        for read in (self.flowfile.read_input, self.flowfile.read_first):
            self.assertRaisesText(
                KeyError, "Input 'zz' not found. Available inputs: ['main']", read, "zz"
            )

    def test_the_default_name_is_main(self):
        self.begin(input_paths={"other": ["x.parquet"]})
        for read in (self.flowfile.read_input, self.flowfile.read_first):
            self.assertRaisesText(
                KeyError, "Input 'main' not found. Available inputs: ['other']", read
            )

    def test_without_polars_the_error_says_what_to_install(self):
        self.begin(input_paths={"main": ["x.parquet"]})
        with mock.patch.dict(sys.modules, {"polars": None}):
            for read in ("read_input", "read_first", "read_inputs"):
                self.assertRaisesText(
                    ImportError,
                    f"flowfile.{read}() needs polars, which is not installed. "
                    "Install it: pip install polars",
                    getattr(self.flowfile, read),
                )

    def test_a_polars_that_is_broken_is_not_called_absent(self):
        broken = self.path("polars")
        os.mkdir(broken)
        self.begin(input_paths={"main": ["x.parquet"]})
        for error in (
            "ImportError('libgomp.so.1: cannot open')",
            "ImportError('libgomp.so.1: cannot open', name='polars')",
            "ModuleNotFoundError('libgomp.so.1: cannot open', name='another')",
        ):
            with open(os.path.join(broken, "__init__.py"), "w") as file:
                file.write(f"raise {error}\n")
            importlib.invalidate_caches()
            text = self.error_without_loaded_polars()
            self.assertIn("cannot be imported (libgomp.so.1: cannot open)", text)
            self.assertIn("pip install polars", text)

    def error_without_loaded_polars(self):
        with mock.patch.dict(sys.modules), mock.patch.object(sys, "path", [self.folder]):
            for name in [name for name in sys.modules if name.startswith("polars")]:
                del sys.modules[name]
            with mock.patch.object(sys, "dont_write_bytecode", True):
                with self.assertRaises(ImportError) as caught:
                    self.flowfile.read_input()
        return str(caught.exception)


@needs_polars
class ReadInput(FlowCase):
    def setUp(self):
        super().setUp()
        self.first = self.parquet("first.parquet", {"a": [1, 2]})
        self.second = self.parquet("second.parquet", {"a": [3]})
        self.begin(input_paths={"main": [self.first, self.second], "one": [self.second]})

    def test_one_file_is_a_lazy_frame_of_it(self):
        frame = self.flowfile.read_input("one")
        self.assertIs(type(frame), polars.LazyFrame)
        self.assertEqual(frame.collect()["a"].to_list(), [3])

    def test_several_files_are_their_union_in_order(self):
        frame = self.flowfile.read_input()
        self.assertIs(type(frame), polars.LazyFrame)
        self.assertEqual(frame.collect()["a"].to_list(), [1, 2, 3])

    def test_read_first_is_the_first_file_only(self):
        frame = self.flowfile.read_first()
        self.assertIs(type(frame), polars.LazyFrame)
        self.assertEqual(frame.collect()["a"].to_list(), [1, 2])

    def test_a_missing_file_fails_at_collect_and_not_before(self):
        self.begin(input_paths={"main": [self.path("missing.parquet")] * 2})
        for frame in (
            self.flowfile.read_input(),
            self.flowfile.read_first(),
            self.flowfile.read_inputs()["main"],
        ):
            with self.assertRaises(FileNotFoundError):
                frame.collect()

    def test_a_file_whose_name_looks_like_a_pattern_is_read(self):
        path = self.parquet("part[1]*.parquet", {"a": [9]})
        self.begin(input_paths={"main": [path, self.first]})
        self.assertEqual(self.flowfile.read_input().collect()["a"].to_list(), [9, 1, 2])
        self.assertEqual(self.flowfile.read_first().collect()["a"].to_list(), [9])

    def test_a_pattern_is_expanded(self):
        self.begin(input_paths={"main": [self.path("*.parquet")]})
        self.assertEqual(self.flowfile.read_input().collect()["a"].to_list(), [1, 2, 3])


@needs_polars
class ReadInputs(FlowCase):
    def setUp(self):
        super().setUp()
        self.first = self.parquet("first.parquet", {"a": [2, 1], "b": ["x", "y"]})
        self.second = self.parquet("second.parquet", {"a": [3], "b": ["z"]})
        self.begin(
            input_paths={"main": [self.first, self.second], "one": [self.second], "none": []}
        )
        self.inputs = self.flowfile.read_inputs()
        self.main = self.inputs["main"]

    def test_there_is_an_entry_for_each_name(self):
        self.assertIs(type(self.inputs), dict)
        self.assertEqual(list(self.inputs), ["main", "one", "none"])
        self.assertEqual((type(self.inputs["none"]), self.inputs["none"]), (list, []))

    def test_each_is_a_list_of_lazy_frames(self):
        self.assertIsInstance(self.main, list)
        self.assertEqual(len(self.main), 2)
        self.assertEqual(len(self.inputs["one"]), 1)
        self.assertTrue(self.main)
        for frame in self.main:
            self.assertIs(type(frame), polars.LazyFrame)
        self.assertEqual(self.main[0].collect()["a"].to_list(), [2, 1])
        self.assertEqual(self.main[-1].collect()["a"].to_list(), [3])
        self.assertEqual(len(self.main[1:]), 1)
        self.assertEqual(len(self.main + self.inputs["one"]), 3)
        self.assertIn(self.main[1], self.main)
        self.assertNotIn(self.main[1], self.inputs["one"])
        first, second = self.main
        self.assertEqual(polars.concat([second, first]).collect()["a"].to_list(), [3, 2, 1])

    def test_each_is_also_the_lazy_frame_of_the_union(self):
        self.assertIsInstance(self.main, polars.LazyFrame)
        self.assertEqual(self.main.collect()["a"].to_list(), [2, 1, 3])
        self.assertEqual(self.inputs["one"].collect()["a"].to_list(), [3])
        filtered = self.main.filter(polars.col("a") > 1)
        self.assertIs(type(filtered), polars.LazyFrame)
        self.assertEqual(filtered.collect()["a"].to_list(), [2, 3])
        self.assertIn("a", self.main)
        self.assertNotIn("zz", self.main)

    def test_names_that_lists_have_too_are_the_frames(self):
        self.assertEqual(self.main.sort("a").collect()["a"].to_list(), [1, 2, 3])
        self.assertEqual(self.main.reverse().collect()["a"].to_list(), [3, 1, 2])
        self.assertEqual(self.main.count().collect()["a"].to_list(), [3])
        self.assertEqual(self.main.clear().collect().height, 0)
        if hasattr(polars.LazyFrame, "remove"):
            left = self.main.remove(polars.col("a") == 1).collect()["a"].to_list()
            self.assertEqual(left, [2, 3])
        self.assertEqual(len(self.main), 2)

    def test_polars_takes_it_where_it_takes_a_lazy_frame(self):
        other = polars.LazyFrame({"a": [3], "c": [True]})
        self.assertEqual(other.join(self.main, on="a").collect().rows(), [(3, True, "z")])
        self.assertEqual(self.main.join(other, on="a").collect().rows(), [(3, "z", True)])
        joined = self.main.join(self.inputs["one"], on="a").collect()
        self.assertEqual(joined.rows(), [(3, "z", "z")])
        union = polars.concat([self.main, self.inputs["one"]])
        self.assertEqual(union.collect()["a"].to_list(), [2, 1, 3, 3])
        frames = polars.collect_all([self.main, self.inputs["one"]])
        self.assertEqual([frame.height for frame in frames], [3, 1])

    def test_copies_are_both_as_well(self):
        for copied in (copy.copy(self.main), pickle.loads(pickle.dumps(self.main))):
            self.assertEqual(len(copied), 2)
            self.assertEqual(copied.collect()["a"].to_list(), [2, 1, 3])

    def test_an_attribute_that_neither_has_is_an_attribute_error(self):
        with self.assertRaises(AttributeError):
            self.main.no_such_thing


if __name__ == "__main__":
    unittest.main()
