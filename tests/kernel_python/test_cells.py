"""What a cell is: its value, its namespace, its awaits, its limits."""

import unittest

from host import KernelTest


class Values(KernelTest):
    def test_the_last_expression_is_the_result(self):
        self.assertEqual(self.run_cell("x = 1\nx + 1").result, "2")
        self.assertIsNone(self.run_cell("x + 1\nx = 2").result)
        self.assertIsNone(self.run_cell("None").result)
        self.assertIsNone(self.run_cell("").result)
        self.assertIsNone(self.run_cell("# nothing").result)

    def test_only_with_auto_display(self):
        self.assertEqual(self.run_cell("1", auto_display=False).kinds(), "f")

    def test_a_semicolon_suppresses(self):
        for code in ("1;", "1; # c", "(1\n) ;", "'é' ;\n\n", "1 \\\n;", "x = 1; x;"):
            self.assertIsNone(self.run_cell(code).result, code)
        for code in ("1 # ;", "x = 1; 2", "';'", "(\n';')", "2\n# a;"):
            self.assertIsNotNone(self.run_cell(code).result, code)

    def test_underscore_is_the_last_result(self):
        self.run_cell("[1]")
        self.run_cell("print('no result')")
        self.assertEqual(self.run_cell("_ + [2]").result, "[1, 2]")
        self.assertEqual(self.run_cell("_").result, "[1, 2]")

    def test_an_indented_cell(self):
        self.assertEqual(self.run_cell("    x = 1\n    if x:\n        x = 3\n    x").result, "3")

    def test_future_statements_last(self):
        self.run_cell("from __future__ import annotations")
        self.run_cell("def f(x: undefined): pass")
        self.assertEqual(self.run_cell("f.__annotations__").result, "{'x': 'undefined'}")

    def test_what_repr_prints_comes_before_the_result(self):
        answer = self.run_cell(
            "class R:\n    def __repr__(self):\n        print('p')\n        return 'r'\nR()"
        )
        self.assertEqual((answer.kinds(), answer.result), ("ovf", "r"))

    def test_a_repr_that_fails_is_an_error_of_the_cell(self):
        error = self.fail_cell("class R:\n    def __repr__(self): 1/0\nR()", "ZeroDivisionError")
        self.assertIn("in R.__repr__(self)", error["traceback"][1])
        self.fail_cell("class R:\n    def __repr__(self): return 1\nR()", "TypeError")

    def test_a_str_subclass_in_repr(self):
        code = "class S(str):\n    def encode(self, *a): 1/0\n"
        code += "class R:\n    def __repr__(self): return S('text')\nR()"
        self.assertEqual(self.run_cell(code).result, "text")


class Namespace(KernelTest):
    def test_it_is_main(self):
        self.assertEqual(self.run_cell("import sys\n__name__").result, "'__main__'")
        self.assertEqual(self.run_cell("vars(sys.modules['__main__']) is globals()").result, "True")
        self.assertEqual(
            self.run_cell("import __main__\n__main__.__dict__ is globals()").result, "True"
        )
        names = (
            "sorted(n for n in globals() if n not in ('sys', '_', '__main__', '__annotations__'))"
        )
        expected = "__builtins__ __doc__ __loader__ __name__ __package__ __spec__ display".split()
        self.assertEqual(eval(self.run_cell(names).result), expected)

    def test_pickle_finds_classes_of_cells(self):
        self.run_cell("class Point:\n    x = 1")
        code = "import pickle\npickle.loads(pickle.dumps(Point())).x, pickle.loads(pickle.dumps(Point)) is Point"
        self.assertEqual(self.run_cell(code).result, "(1, True)")

    def test_state_survives_an_error(self):
        self.child.run("x = 5\n1/0")
        self.assertEqual(self.run_cell("x").result, "5")

    def test_clear_namespace(self):
        self.run_cell("import decimal, sys\nsys.modules['decimal'].mark = 'kept'\nx = 1")
        self.assertEqual(self.child.ask(op="clear_namespace"), {"artifacts": {}, "removed": []})
        self.fail_cell("x", "NameError")
        self.assertEqual(self.run_cell("import decimal\ndecimal.mark").result, "'kept'")
        self.assertEqual(self.run_cell("display, __name__").kinds(), "vf")
        self.run_cell("class A: pass\nimport pickle\npickle.dumps(A())")

    def test_sources_are_there_for_inspect(self):
        self.run_cell("def f():\n    return 1\n")
        code = "import inspect\ndef g(): pass\ninspect.getsource(f), inspect.getsource(g)"
        self.assertEqual(
            eval(self.run_cell(code).result), ("def f():\n    return 1\n", "def g(): pass\n")
        )
        self.run_cell("def h(): return 3")
        self.assertEqual(eval(self.run_cell("inspect.getsource(h)").result), "def h(): return 3\n")

    def test_equal_counts_do_not_mix_up_sources(self):
        self.run_cell("def f():\n    1/0", count=1)
        self.run_cell("def g():\n    pass", count=1)
        self.assertIn(
            "----> 2 1/0\n",
            self.fail_cell("f()", "ZeroDivisionError", count=1)["traceback"][2].replace(
                "     1/0", " 1/0"
            ),
        )


class Ends(KernelTest):
    def test_exit_is_an_error_of_the_cell(self):
        for code, value in (
            ("import sys\nsys.exit(3)", "3"),
            ("exit()", ""),
            ("quit('why')", "why"),
            ("raise SystemExit", ""),
        ):
            self.assertEqual(self.fail_cell(code, "SystemExit")["value"], value)
        self.assertEqual(self.run_cell("print('on')").stdout, "on\n")

    def test_other_base_exceptions(self):
        self.fail_cell("raise GeneratorExit", "GeneratorExit")
        self.fail_cell("class B(BaseException): pass\nraise B", "B")
        self.fail_cell("raise KeyboardInterrupt", "KeyboardInterrupt")
        self.assertEqual(self.run_cell("1").result, "1")


class Awaits(KernelTest):
    def test_top_level_await(self):
        self.assertEqual(self.run_cell("import asyncio\nawait asyncio.sleep(0, 7)").result, "7")
        code = "x = await asyncio.sleep(0, 8)\nasync with asyncio.Lock():\n    y = x\ny"
        self.assertEqual(self.run_cell(code).result, "8")
        self.run_cell("async def f():\n    for n in range(3): yield n\n")
        self.assertEqual(self.run_cell("[n async for n in f()]").result, "[0, 1, 2]")

    def test_the_loop_is_the_same_in_all_cells(self):
        self.run_cell(
            "import asyncio\nq = asyncio.Queue()\nt = asyncio.ensure_future(q.get())\nawait asyncio.sleep(0)"
        )
        self.assertEqual(self.run_cell("q.put_nowait(4)\nawait t").result, "4")

    def test_asyncio_run_and_a_closed_loop(self):
        code = "import asyncio\nasyncio.run(asyncio.sleep(0, 1))"
        self.assertEqual(self.run_cell(code).result, "1")
        self.assertEqual(self.run_cell("await asyncio.sleep(0, 2)").result, "2")
        self.run_cell("await asyncio.sleep(0)\nloop = asyncio.get_running_loop()")
        self.run_cell("loop.close()")
        self.assertEqual(self.run_cell("await asyncio.sleep(0, 3)").result, "3")

    def test_asyncio_is_imported_only_then(self):
        self.assertEqual(self.run_cell("import sys\n'asyncio' in sys.modules").result, "False")
        self.run_cell("async def f(): pass\nawait f()")
        self.assertEqual(self.run_cell("'asyncio' in sys.modules").result, "True")

    def test_an_error_has_no_frames_of_the_loop(self):
        code = "async def f():\n    1/0\nawait f()"
        error = self.fail_cell(code, "ZeroDivisionError")
        self.assertEqual(len(error["traceback"]), 4, error["traceback"])
        self.assertTrue(error["traceback"][1].startswith("Cell In[1], line 3\n"))


class Memory(KernelTest):
    options = {"memory_limit": 300_000_000}

    def test_too_much_is_an_ordinary_error(self):
        self.fail_cell("x = bytearray(400_000_000)", "MemoryError")
        self.assertEqual(self.run_cell("1 + 1").result, "2")

    def test_when_all_of_it_is_used(self):
        error = self.fail_cell(
            "def hoard():\n    kept = []\n    size = 1 << 24\n    while True:\n"
            "        try:\n            kept.append(bytearray(size))\n"
            "        except MemoryError:\n            if size < 2: raise\n            size //= 2\n"
            "hoard()",
            "MemoryError",
        )
        self.assertEqual(error["traceback"][-1], "MemoryError: ")
        self.assertEqual(self.run_cell("1 + 1").result, "2")
        self.assertEqual(
            self.fail_cell("1/0", "ZeroDivisionError")["traceback"][1][:19], "Cell In[3], line 1\n"
        )

    def test_the_limit_is_both_soft_and_hard(self):
        code = "import resource\nresource.getrlimit(resource.RLIMIT_AS)"
        self.assertEqual(self.run_cell(code).result, "(300000000, 300000000)")


class Leaks(KernelTest):
    def test_10000_executions_leave_no_memory_behind(self):
        cells = (
            "1 + 1",
            "print('x' * 1000)",
            "big = list(range(1000))\ndef f(x):\n    y = x\n    return y\nf(1)",
            "def g(x):\n    local = bytearray(100000)\n    raise ValueError(x)\ng(1)",
            "display('shown')",
            "class C:\n    def _repr_html_(self): return 'h' * 1000\nC()",
            "import threading\nt = threading.Thread(target=print, args=('t',))\nt.start()\nt.join()",
            "1 +",
            "import asyncio\nawait asyncio.sleep(0)",
            "# " + "text " * 1000,
        )

        def rounds(number):
            for _ in range(number):
                for code in cells:
                    self.child.run(code)

        rounds(300)
        self.run_cell("import gc\ngc.collect();")
        before = self.child.rss()
        rounds(1000)
        self.run_cell("gc.collect();")
        self.assertLess(self.child.rss() - before, 1500)

    def test_the_locals_of_a_failed_cell_do_not_stay(self):
        self.run_cell("import gc, weakref\nclass Big: pass\n")
        self.child.run(
            "def f():\n    global ref\n    big = Big()\n    ref = weakref.ref(big)\n    1/0\nf()"
        )
        self.assertEqual(
            self.run_cell("import sys\nsys.last_type.__name__").result, "'ZeroDivisionError'"
        )
        self.assertEqual(self.run_cell("gc.collect()\nref()").result, None)
        self.assertEqual(self.run_cell("hasattr(sys, 'last_value')").result, "False")


if __name__ == "__main__":
    unittest.main()
