"""Results and displays as mime bundles."""

import subprocess
import unittest

import host
from host import KernelTest


class Bundles(KernelTest):
    def data(self, body):
        return self.run_cell("class R:\n    %s\nR()" % body).json("v")[0]["data"]

    def test_representations(self):
        for name, mime in (
            ("html", "text/html"),
            ("markdown", "text/markdown"),
            ("svg", "image/svg+xml"),
            ("latex", "text/latex"),
        ):
            data = self.data("def _repr_%s_(self): return 'text'" % name)
            self.assertEqual(data[mime], "text")
            self.assertIn("R object", data["text/plain"])
        for name in ("png", "jpeg"):
            data = self.data("def _repr_%s_(self): return b'\\x89PNG'" % name)
            self.assertEqual(data["image/" + name], "iVBORw==")
        self.assertEqual(
            self.data("def _repr_json_(self): return {'a': [1]}")["application/json"], {"a": [1]}
        )

    def test_a_mimebundle(self):
        data = self.data(
            "def _repr_mimebundle_(self, include=None, exclude=None):\n"
            "        return {'text/plain': 'p', 'text/html': 'h', 'application/vnd.x+json': {'y': 1}}\n"
            "    def _repr_html_(self): return 'other'"
        )
        self.assertEqual(
            data, {"text/plain": "p", "text/html": "h", "application/vnd.x+json": {"y": 1}}
        )
        data = self.data("def _repr_mimebundle_(self, **k): return ({'text/html': 'h'}, {})")
        self.assertEqual(data["text/html"], "h")

    def test_one_that_fails_is_left_out(self):
        for body in (
            "def _repr_html_(self): 1/0",
            "def _repr_html_(self): return None",
            "def _repr_json_(self): return {1, 2}",
            "def _repr_json_(self): return float('nan')",
            "def _repr_mimebundle_(self): return 1",
        ):
            self.assertEqual(list(self.data(body)), ["text/plain"], body)

    def test_classes_and_objects_with_any_attribute_are_plain(self):
        answer = self.run_cell("class R:\n    def _repr_html_(self): return 'h'\nR")
        self.assertEqual(list(answer.json("v")[0]["data"]), ["text/plain"])
        data = self.data("def __getattr__(self, name): return lambda *a, **k: 'any'")
        self.assertEqual(list(data), ["text/plain"])

    def test_an_object_that_displays_itself(self):
        answer = self.run_cell("class R:\n    def _ipython_display_(self): display('mine')\nR()")
        self.assertEqual(answer.kinds(), "df")


class Display(KernelTest):
    def test_several_objects_a_title_and_metadata(self):
        answer = self.run_cell("display(1, 'b', title='T', metadata={'a': 1})")
        self.assertEqual(
            answer.json("d"),
            [
                {"data": {"text/plain": "1"}, "title": "T"},
                {"data": {"text/plain": "'b'"}, "title": "T"},
            ],
        )
        self.assertEqual(self.run_cell("display('c')").json("d")[0]["title"], "")

    def test_a_failing_repr_is_raised_where_it_is_displayed(self):
        self.fail_cell("class R:\n    def __repr__(self): 1/0\ndisplay(R())", "ZeroDivisionError")

    def test_the_one_of_ipython_is_ours(self):
        if subprocess.call([host.PYTHON, "-c", "import IPython"], stderr=subprocess.DEVNULL):
            self.skipTest("IPython is not importable in " + host.PYTHON)
        code = "from IPython.display import display, HTML\ndisplay(HTML('<b>'), title='T')"
        shown = self.run_cell(code).json("d")
        self.assertEqual(shown[0]["data"]["text/html"], "<b>")
        self.assertEqual(self.run_cell("HTML('<i>')").json("v")[0]["data"]["text/html"], "<i>")


class Figures(KernelTest):
    @classmethod
    def setUpClass(cls):
        if subprocess.call([host.PYTHON, "-c", "import matplotlib"], stderr=subprocess.DEVNULL):
            raise unittest.SkipTest("matplotlib is not importable in " + host.PYTHON)

    PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 2]);\n"

    def images(self, answer, kind="d"):
        return [frame["data"].get("image/png", "")[:11] for frame in answer.json(kind)]

    def test_show_displays_and_closes(self):
        answer = self.run_cell(self.PLOT + "plt.show()\nprint('after', plt.get_fignums())")
        self.assertEqual(answer.kinds(), "dof")
        self.assertEqual(self.images(answer), ["iVBORw0KGgo"])
        self.assertEqual(answer.stdout, "after []\n")

    def test_the_end_of_the_cell_displays(self):
        answer = self.run_cell(self.PLOT + "plt.figure(); plt.plot([3]);")
        self.assertEqual(self.images(answer), ["iVBORw0KGgo"] * 2)
        self.assertEqual(self.run_cell("plt.get_fignums()").result, "[]")

    def test_a_failed_cell_shows_them_too(self):
        answer = self.child.run(self.PLOT + "1/0")
        self.assertEqual(answer.kinds(), "dxf")

    def test_a_figure_as_result_is_shown_once(self):
        answer = self.run_cell(self.PLOT + "plt.gcf()")
        self.assertEqual((answer.kinds(), self.images(answer, "v")), ("vf", ["iVBORw0KGgo"]))

    def test_a_backend_that_was_chosen_stays(self):
        self.child_made = self.start(env={"MPLBACKEND": "svg"})
        self.assertEqual(
            self.run_cell("import matplotlib\nmatplotlib.get_backend()").result, "'svg'"
        )

    def test_subprocesses_do_not_inherit_our_backend(self):
        self.run_cell(self.PLOT + "import subprocess, sys\nplt.close()")
        self.run_cell("subprocess.check_call([sys.executable, '-c', 'import matplotlib.pyplot'])")


if __name__ == "__main__":
    unittest.main()
