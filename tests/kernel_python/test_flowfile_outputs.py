"""publish_output and the output_paths that the answer lists."""

import os
import stat
import sys
import unittest
from unittest import mock

from flowfile_case import FlowCase, needs_polars, polars


class OutputPaths(FlowCase):
    def touch(self, *names):
        for name in names:
            os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
            open(self.path(name), "w").close()

    def test_all_parquet_files_of_the_folder_sorted(self):
        self.touch(
            "b.parquet", "a.parquet", "c.csv", "d.parquet.tmp", ".e.partial", "sub/f.parquet"
        )
        os.mkdir(self.path("folder.parquet"))
        done = self.run_node(1, output_dir=self.folder)
        self.assertEqual(done["output_paths"], [self.path("a.parquet"), self.path("b.parquet")])

    def test_none_when_the_code_failed(self):
        self.touch("a.parquet")
        self.assertEqual(
            self.run_node(1, success=False, output_dir=self.folder)["output_paths"], []
        )

    def test_none_without_a_folder(self):
        for folder in ("", None, self.path("missing")):
            self.assertEqual(self.run_node(1, output_dir=folder)["output_paths"], [])
        self.core.begin({"node_id": 1})
        self.assertEqual(self.core.end(True)["output_paths"], [])


class Refusals(FlowCase):
    def setUp(self):
        super().setUp()
        self.begin(output_dir=self.path("out"))

    def test_a_name_that_could_leave_the_folder_is_refused(self):
        for name, why in (
            ("", "it is empty."),
            ("a/b", "it contains '/'."),
            ("/etc/x", "it contains '/'."),
            ("../x", "it contains '/'."),
            ("..", "it contains '..'."),
            ("a..b", "it contains '..'."),
            ("a\\b", "it contains '\\'."),
            ("a\0b", "it contains a NUL character."),
            (".hidden", "it starts with a dot."),
        ):
            with self.subTest(name=name):
                self.assertRaisesText(
                    ValueError,
                    f"Output name {name!r} is refused: {why}",
                    self.flowfile.publish_output,
                    None,
                    name,
                )
        self.assertFalse(os.path.exists(self.path("out")))

    def test_a_name_that_is_not_a_str_is_refused(self):
        with self.assertRaises(TypeError):
            self.flowfile.publish_output(None, 1)

    def test_without_an_output_folder_the_error_says_so(self):
        self.begin(output_dir="")
        self.assertRaisesText(
            RuntimeError,
            "publish_output() has nowhere to write: this execution has no output directory "
            "(output_dir is empty).",
            self.flowfile.publish_output,
            None,
        )

    def test_without_polars_the_error_says_what_to_install(self):
        with mock.patch.dict(sys.modules, {"polars": None}):
            self.assertRaisesText(
                ImportError,
                "flowfile.publish_output() needs polars, which is not installed. "
                "Install it: pip install polars",
                self.flowfile.publish_output,
                None,
            )

    @needs_polars
    def test_what_is_no_table_is_refused(self):
        for obj in (None, {"a": [1]}, [1], polars.Series([1])):
            self.assertRaisesText(
                TypeError,
                "publish_output() takes a polars DataFrame or LazyFrame, or a pandas or pyarrow "
                f"table, not {type(obj).__name__}",
                self.flowfile.publish_output,
                obj,
            )


@needs_polars
class PublishOutput(FlowCase):
    def setUp(self):
        super().setUp()
        self.out = self.path("deep", "out")
        self.begin(output_dir=self.out)
        self.frame = polars.DataFrame({"a": [1, 2]})

    def written(self, name="main"):
        return polars.read_parquet(os.path.join(self.out, name + ".parquet"))["a"].to_list()

    def test_the_default_file_is_main_parquet_and_the_folder_is_created(self):
        self.assertIsNone(self.flowfile.publish_output(self.frame))
        self.assertEqual(os.listdir(self.out), ["main.parquet"])
        self.assertEqual(self.written(), [1, 2])

    def test_a_name_is_the_name_of_the_file(self):
        self.flowfile.publish_output(self.frame, "second one")
        self.flowfile.publish_output(self.frame, name="a.b")
        self.assertEqual(sorted(os.listdir(self.out)), ["a.b.parquet", "second one.parquet"])
        self.assertEqual(
            self.core.end(True)["output_paths"],
            [os.path.join(self.out, name) for name in ("a.b.parquet", "second one.parquet")],
        )

    def test_a_lazy_frame_is_collected(self):
        self.flowfile.publish_output(self.frame.lazy().filter(polars.col("a") > 1))
        self.assertEqual(self.written(), [2])

    def test_the_frames_of_an_input_are_written_as_their_union(self):
        paths = [self.parquet("1.parquet", {"a": [1]}), self.parquet("2.parquet", {"a": [2]})]
        self.begin(output_dir=self.out, input_paths={"main": paths})
        self.flowfile.publish_output(self.flowfile.read_inputs()["main"])
        self.assertEqual(self.written(), [1, 2])

    def test_an_input_can_be_replaced_by_what_is_made_of_it(self):
        self.flowfile.publish_output(self.frame)
        self.begin(
            output_dir=self.out, input_paths={"main": [os.path.join(self.out, "main.parquet")]}
        )
        self.flowfile.publish_output(self.flowfile.read_input().with_columns(polars.col("a") * 10))
        self.assertEqual(self.written(), [10, 20])

    def test_a_failing_frame_leaves_the_old_file_and_nothing_else(self):
        self.flowfile.publish_output(self.frame)
        with self.assertRaises(polars.exceptions.ColumnNotFoundError):
            self.flowfile.publish_output(self.frame.lazy().select("zz"))
        with mock.patch.object(polars.DataFrame, "write_parquet", half_written):
            with self.assertRaises(KeyboardInterrupt):
                self.flowfile.publish_output(self.frame)
        self.assertEqual(os.listdir(self.out), ["main.parquet"])
        self.assertEqual(self.written(), [1, 2])

    def test_what_is_half_written_is_no_output_yet(self):
        seen = []
        write_parquet = polars.DataFrame.write_parquet

        def look(frame, path):
            write_parquet(frame, path)
            seen.extend([self.core.end(True)["output_paths"], os.path.dirname(path)])

        with mock.patch.object(polars.DataFrame, "write_parquet", look):
            self.flowfile.publish_output(self.frame)
        # In the same folder: a rename across file systems is not atomic.
        self.assertEqual(seen, [[], self.out])

    def test_other_users_may_read_it_as_any_file(self):
        umask = os.umask(0o022)
        self.addCleanup(os.umask, umask)
        self.flowfile.publish_output(self.frame)
        mode = os.stat(os.path.join(self.out, "main.parquet")).st_mode
        self.assertEqual(stat.S_IMODE(mode), 0o644)

    def test_the_longest_name_a_file_can_have_is_taken(self):
        name = "n" * (255 - len(".parquet"))
        self.flowfile.publish_output(self.frame, name)
        self.assertEqual(self.written(name), [1, 2])

    def test_a_pyarrow_table_is_taken(self):
        pyarrow = self.importable("pyarrow")
        self.flowfile.publish_output(pyarrow.table({"a": [3, 4]}))
        self.assertEqual(self.written(), [3, 4])
        self.flowfile.publish_output(pyarrow.RecordBatch.from_pydict({"a": [5]}))
        self.assertEqual(self.written(), [5])

    def test_a_pandas_table_is_taken(self):
        pandas = self.importable("pandas")
        self.importable("pyarrow")
        self.flowfile.publish_output(pandas.DataFrame({"a": [3, 4], "b": ["x", None]}))
        self.assertEqual(self.written(), [3, 4])

    def test_a_table_that_needs_pyarrow_says_what_to_install(self):
        class Table:
            pass

        # Stands for pandas of an environment that has no pyarrow, where polars raises this.
        pandas = mock.Mock(DataFrame=Table)
        error = ModuleNotFoundError("No module named 'pyarrow'", name="pyarrow")
        with mock.patch.dict(sys.modules, {"pandas": pandas}):
            with mock.patch.object(polars, "from_pandas", side_effect=error):
                self.assertRaisesText(
                    ImportError,
                    "flowfile.publish_output() needs pyarrow, which is not installed. "
                    "Install it: pip install pyarrow",
                    self.flowfile.publish_output,
                    Table(),
                )

    def importable(self, name):
        try:
            return __import__(name)
        except ImportError:
            self.skipTest(f"{name} is not importable by {sys.executable}")


def half_written(frame, path):
    with open(path, "w") as file:
        file.write("PAR1")
    raise KeyboardInterrupt


if __name__ == "__main__":
    unittest.main()
