"""Start-up files of the workspace folder."""

import pathlib
import tempfile

from host import Child, KernelTest


class Startup(KernelTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def begin(self, **files):
        for name, text in files.items():
            (self.folder / (name + ".py")).write_text(text)
        self.child_made = Child({"api": "executor", "workspace": str(self.folder)})
        self.addCleanup(self.child_made.close)
        return self.child_made.log.decode()

    def test_they_run_sorted_in_the_namespace_of_the_cells(self):
        self.begin(b="order.append('b')", a="order = ['a']\ndef f(): return order", _c="order = 0")
        self.assertEqual(self.run_cell("f()").result, "['a', 'b']")
        self.assertEqual(self.run_cell("f.__module__").result, "'__main__'")

    def test_what_they_print_is_log(self):
        log = self.begin(a="import sys\nprint('out')\nsys.stderr.write('err')")
        self.assertEqual(log, "out\nerr")
        self.assertEqual(self.run_cell("1").kinds(), "vf")

    def test_one_that_fails_is_logged_and_skipped(self):
        log = self.begin(a="x = 1\n1/0", b="def f(:", c="import sys\nsys.exit(1)", d="y = 2")
        self.assertIn("a.py failed and is skipped", log)
        self.assertIn("----> 2 1/0\n", log)
        self.assertIn("ZeroDivisionError: division by zero", log)
        self.assertIn("SyntaxError", log)
        self.assertIn("SystemExit: 1", log)
        self.assertNotIn("nanofaas", log)
        self.assertEqual(self.run_cell("x, y").result, "(1, 2)")

    def test_what_they_break_is_repaired(self):
        self.begin(a="import builtins\nbuiltins.__dict__.clear()", b="print('alive')")
        self.assertEqual(self.child.log, b"alive\n")
        self.assertEqual(self.run_cell("len([1])").result, "1")

    def test_one_that_forks(self):
        self.begin(
            a="import os\npid = os.fork()\nif pid: status = os.waitpid(pid, 0)[1]", b="x = 1"
        )
        self.assertEqual(self.run_cell("x, status").result, "(1, 0)")
        self.assertTrue(self.child.idle())

    def test_other_files_are_ignored(self):
        (self.folder / "text.txt").write_text("1/0")
        (self.folder / "folder.py").mkdir()
        self.assertEqual(self.begin(), "")

    def test_a_missing_folder_is_fine(self):
        self.folder = self.folder / "missing"
        self.assertEqual(self.begin(), "")
        self.assertEqual(self.run_cell("1").result, "1")
