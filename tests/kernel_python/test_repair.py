"""What one cell breaks does not break the next one."""

import unittest

from host import KernelTest


class Repair(KernelTest):
    def breaks(self, code):
        """Runs code that may fail or not; afterwards everything works."""
        answer = self.child.run(code)
        after = self.child.run("import sys\nprint('out')\nprint('err', file=sys.stderr)\n40 + 2")
        self.assertEqual((after.stdout, after.stderr, after.result), ("out\n", "err\n", "42"), code)
        error = self.child.run("def f(x): return 1 / x\nf(0)").error
        self.assertEqual(error["name"], "ZeroDivisionError", code)
        self.assertIn("----> 1 def f(x): return 1 / x\n", error["traceback"][2])
        return answer

    def test_streams(self):
        for code in (
            "import sys\nsys.stdout = sys.stderr = sys.stdin = None",
            "import sys\ndel sys.stdout, sys.stderr, sys.stdin",
            "import sys\nsys.stdout.close(); sys.stderr.close(); sys.stdin.close()",
            "import io, sys\nsys.stdout = io.StringIO()",
            "import sys\nsys.__stdout__ = sys.__stderr__ = None",
            "import sys\nclass Bad:\n    def flush(self): raise ValueError\nsys.stdout = Bad()",
        ):
            self.breaks(code)
        self.breaks("import sys\nsys.stdin = open('/proc/self/stat')")
        self.assertEqual(self.run_cell("import sys\nsys.stdin.read()").result, "''")

    def test_hooks(self):
        self.breaks("import sys\nsys.displayhook = sys.excepthook = None\ndel sys.excepthook")
        self.assertEqual(self.run_cell("import sys\ncallable(sys.excepthook)").result, "True")
        self.assertEqual(self.run_cell("callable(sys.displayhook)").result, "True")

    def test_builtins(self):
        self.breaks("import builtins\ndel builtins.print")
        self.breaks("import builtins\nbuiltins.__dict__.clear()")
        self.breaks(
            "import builtins\ndel builtins.__import__, builtins.__build_class__, builtins.repr"
        )
        answer = self.breaks("import builtins\nbuiltins.__dict__.clear()\nundefined")
        self.assertEqual(answer.error["name"], "NameError")
        self.assertIn("----> 3 undefined\n", answer.error["traceback"][1])

    def test_modules(self):
        self.breaks("import sys\nsys.modules.clear()")
        self.breaks("import sys\nsys.modules.clear()\n1/0")
        self.breaks("import sys\nsys.modules = {}")
        self.breaks(
            "import sys\nfor m in [m for m in sys.modules if 'kernel' in m]: del sys.modules[m]"
        )
        self.breaks("import sys\nsys.modules['__main__'] = None")
        self.breaks("import sys\nsys.meta_path.clear()\nsys.path_hooks.clear()")
        self.breaks("import sys\nsys.meta_path = []")
        self.assertEqual(self.run_cell("import sys\nsys.modules['__main__'].f is f").result, "True")

    def test_tracing(self):
        for name in ("trace", "profile"):
            self.run_cell("import sys\nsys.set%s(lambda *_: None)" % name)
            self.assertEqual(self.run_cell("sys.get%s()" % name).kinds(), "f")
            self.breaks("import sys\ndef fail(*_): raise ValueError\nsys.set%s(fail)" % name)

    def test_the_recursion_limit(self):
        self.breaks("import sys\nsys.setrecursionlimit(25)")
        self.breaks("def g(): g()\ng()")
        self.assertGreaterEqual(
            int(self.run_cell("import sys\nsys.getrecursionlimit()").result), 1000
        )
        self.run_cell("sys.setrecursionlimit(5000)")
        self.assertEqual(self.run_cell("sys.getrecursionlimit()").result, "5000")

    def test_file_descriptors(self):
        for code in ("os.close(1); os.close(2)", "os.dup2(os.open('/dev/null', 1), 1)"):
            self.breaks("import os\n" + code)
            self.run_cell("import os\nos.write(1, b'through 1'); os.write(2, b'through 2');")
            self.child.stdout.wait_for(b"through 1")
            self.child.stderr.wait_for(b"through 2")
        self.breaks("import os\nos.close(0)")

    def test_the_namespace(self):
        self.breaks("globals().clear()")
        self.assertEqual(self.run_cell("__name__").result, "'__main__'")
        self.assertEqual(
            self.run_cell("display('back')").json("d")[0]["data"]["text/plain"], "'back'"
        )

    def test_locale_warnings_and_gc(self):
        self.breaks("import warnings\nwarnings.simplefilter('error')")
        self.breaks("import gc\ngc.disable()")

    def test_what_user_code_has_set_stays(self):
        self.run_cell("import builtins, os\nbuiltins.mine = 1\nos.chdir('/')")
        self.assertEqual(self.run_cell("mine, os.getcwd()").result, "(1, '/')")


if __name__ == "__main__":
    unittest.main()
