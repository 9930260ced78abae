"""Errors and tracebacks, shaped like IPython's."""

import unittest

from host import KernelTest, python_version

HEAD = "Traceback (most recent call last)"


class Shape(KernelTest):
    maxDiff = None

    def traceback(self, *cells):
        # The numbers in the expected texts count from 1.
        child = self.start()
        for code in cells:
            answer = child.run(code)
        return answer.error["traceback"]

    def test_the_contract(self):
        self.assertEqual(
            self.child.run("f(x)").error,
            {
                "name": "NameError",
                "value": "name 'f' is not defined",
                "traceback": [
                    "NameError" + " " * 33 + HEAD,
                    "Cell In[1], line 1\n----> 1 f(x)\n",
                    "NameError: name 'f' is not defined",
                ],
            },
        )

    def test_two_statements_before_and_after(self):
        self.assertEqual(
            self.traceback("x = 1\ny = 2\nz = 3\n1/0\na = 4\nb = 5\nc = 6")[1],
            "Cell In[1], line 4\n      2 y = 2\n      3 z = 3\n----> 4 1/0\n      5 a = 4\n      6 b = 5\n",
        )

    def test_a_function_shows_its_own_lines_dedented(self):
        self.assertEqual(
            self.traceback("def f(x):\n    return g(x)\n\ndef g(x):\n    return 1 / x\n", "f(0)"),
            [
                "ZeroDivisionError" + " " * 25 + HEAD,
                "Cell In[2], line 1\n----> 1 f(0)\n",
                "Cell In[1], line 2, in f(x)\n      1 def f(x):\n----> 2     return g(x)\n",
                "Cell In[1], line 5, in g(x)\n      4 def g(x):\n----> 5     return 1 / x\n",
                "ZeroDivisionError: division by zero",
            ],
        )
        found = self.traceback("def f():\n    a = 1\n    b = 2\n    c = 3\n    1/0\nf()")
        self.assertEqual(
            found[2], "Cell In[1], line 5, in f()\n      3 b = 2\n      4 c = 3\n----> 5 1/0\n"
        )

    def test_methods_and_inner_functions_have_qualified_names(self):
        code = "class A:\n    def m(self, a, *args, k=1, **kw):\n        raise RuntimeError('m')\nA().m(1)"
        self.assertEqual(
            self.traceback(code)[2],
            "Cell In[1], line 3, in A.m(self, a, k, *args, **kw)\n"
            "      2 def m(self, a, *args, k=1, **kw):\n----> 3     raise RuntimeError('m')\n",
        )
        code = (
            "def outer():\n    def inner(q):\n        raise ValueError('x')\n    inner(1)\nouter()"
        )
        self.assertIn(", in outer.<locals>.inner(q)\n", self.traceback(code)[3])
        self.assertIn(", in <lambda>(x)\n", self.traceback("(lambda x: 1/x)(0)")[2])

    def test_a_statement_of_several_lines_is_shown_whole(self):
        found = self.traceback("x = (\n    1 +\n    2 +\n    'a'\n)\nprint(x)")[1]
        self.assertTrue(
            found.endswith("      3     2 +\n      4     'a'\n      5 )\n      6 print(x)\n")
        )
        found = self.traceback("a = [\n" + "    1,\n" * 8 + "]\n1/0")[1]
        self.assertIn("      3     1,\n   (...)      9     1,\n     10 ]\n---> 11 1/0\n", found)

    def test_files_are_named(self):
        found = self.traceback("import json\njson.loads('{')")
        self.assertRegex(
            found[3], r"^File .*decoder.py:\d+, in JSONDecoder.decode\(self, s, _w\)\n"
        )
        self.assertRegex(found[3], r"\n--> \d+ obj, end = |\n--> \d+     obj, end = ")

    def test_code_without_source(self):
        self.assertEqual(
            self.traceback("exec('def h():\\n    1/0\\nh()')")[2:4],
            ["File <string>:3\n", "File <string>:2, in h()\n"],
        )

    def test_causes_and_contexts(self):
        code = "try:\n    1/0\nexcept ZeroDivisionError as e:\n    raise ValueError('bad')"
        for end, message in (
            (" from e", "\nThe above exception was the direct cause of the following exception:\n"),
            ("", "\nDuring handling of the above exception, another exception occurred:\n"),
        ):
            found = self.traceback(code + end)
            self.assertEqual(found[0], "ZeroDivisionError" + " " * 25 + HEAD)
            self.assertTrue(found[1].startswith("Cell In[1], line 2\n"))
            self.assertEqual(found[2:4], ["ZeroDivisionError: division by zero", message])
            self.assertEqual(found[4], "ValueError" + " " * 32 + HEAD)
            self.assertEqual(found[6], "ValueError: bad")
        self.assertEqual(len(self.traceback(code + " from None")), 3)

    def test_a_circle_of_causes_ends(self):
        found = self.traceback(
            "a, b = ValueError('a'), ValueError('b')\na.__cause__, b.__cause__ = b, a\nraise a"
        )
        self.assertEqual(found.count("ValueError: a"), 1)

    def test_notes_and_groups(self):
        if python_version() < (3, 11):
            self.skipTest("notes and exception groups are of Python 3.11")
        code = "e = ExceptionGroup('eg', [ValueError(1), ExceptionGroup('in', [TypeError('t')])])\n"
        found = self.traceback(code + "e.add_note('a note')\nraise e")
        self.assertEqual(found[2:4], ["ExceptionGroup: eg (2 sub-exceptions)", "a note"])
        self.assertIn("ValueError: 1", found[4])
        self.assertIn("TypeError: t", found[4])

    def test_syntax_errors_are_one_entry(self):
        self.assertEqual(
            self.traceback("1 +"),
            ["  Cell In[1], line 1\n    1 +\n       ^\nSyntaxError: invalid syntax\n"],
        )
        found = self.traceback("x = 1\nif x:\n    y = 1\n      z = 2")
        self.assertEqual(len(found), 1)
        self.assertTrue(found[0].startswith("  Cell In[1], line 4\n    z = 2\n"), found)
        self.assertTrue(found[0].endswith("IndentationError: unexpected indent\n"), found)
        for code in ("return 1", "print('x'", "x = 'abc", "def f(:"):
            self.assertEqual(len(self.traceback(code)), 1, code)
        error = self.child.run("eval('1 +')").error
        self.assertEqual(error["traceback"][-1][:18], "  File <string>:1\n")


class Hostile(KernelTest):
    def test_str_that_fails_or_is_a_subclass(self):
        code = "class E(Exception):\n    def __str__(self): 1/0\nraise E"
        error = self.fail_cell(code, "E")
        self.assertEqual(error["value"], "<exception str() failed>")
        self.fail_cell("class E(Exception):\n    def __str__(self): return 1\nraise E", "E")
        code = "class S(str):\n    def __len__(self): 1/0\n    def encode(self, *a): 1/0\n"
        code += "class E(Exception):\n    def __str__(self): return S('text')\nraise E"
        self.assertEqual(self.fail_cell(code, "E")["value"], "text")

    def test_a_huge_message(self):
        error = self.fail_cell("raise ValueError('x' * 10_000_000)", "ValueError")
        self.assertLess(len(error["value"]), 100000)
        self.assertIn("characters left out", error["value"])

    def test_a_type_with_a_strange_name(self):
        self.fail_cell(
            "class M(type):\n    __name__ = property(lambda c: 1/0)\n"
            "class E(Exception, metaclass=M): pass\nraise E",
            "E",
        )

    def test_an_exception_that_is_false_or_has_strange_attributes(self):
        code = "class E(Exception):\n    def __bool__(self): raise OSError\n    exceptions = 1\n    __notes__ = 5\n"
        self.fail_cell(code + "raise E", "E")
        self.fail_cell(code + "try: raise E\nexcept E as e: raise ValueError from e", "ValueError")

    def test_recursion_is_short(self):
        error = self.fail_cell("def r(n):\n    return r(n + 1)\nr(0)", "RecursionError")
        self.assertLess(len(error["traceback"]), 10)
        self.assertRegex(
            "".join(error["traceback"]), r"skipping similar frames: r at line 2 \(\d+ times\)"
        )
        self.assertIn("in r(n)\n", error["traceback"][-2])

    def test_a_long_traceback_keeps_its_ends(self):
        code = "def f0(): raise ValueError('end')\n"
        code += "".join("def f%d(): f%d()\n" % (n, n - 1) for n in range(1, 200)) + "f199()"
        error = self.fail_cell(code, "ValueError")
        self.assertLess(len(error["traceback"]), 60)
        self.assertIn("in f199()", error["traceback"][2])
        self.assertIn("in f0()", error["traceback"][-2])
        self.assertIn("skipping", "".join(error["traceback"]))

    def test_a_long_line_is_cut(self):
        error = self.fail_cell("x = '" + "y" * 100000 + "'; 1/0", "ZeroDivisionError")
        self.assertLess(len(error["traceback"][1]), 2000)

    def test_source_that_cannot_be_compiled(self):
        for code in ("\0", "'\ud800'", "(" * 1000 + ")" * 1000, "\ud800"):
            self.assertFalse(self.child.run(code).end["success"], code[:10])
        self.assertEqual(self.run_cell("1").result, "1")

    def test_our_own_frames_are_not_shown(self):
        for code in ("print(end=1)", "import sys\nsys.stdout.write(1)", "display(object, 1/0)"):
            error = self.child.run(code).error
            self.assertNotIn("nanofaas", "".join(error["traceback"]))

    def test_tracebacks_printed_by_user_code_have_source(self):
        answer = self.run_cell(
            "import traceback\ntry:\n    1/0\nexcept Exception: traceback.print_exc()"
        )
        self.assertIn('File "Cell In[1]", line 3, in <module>\n    1/0\n', answer.stderr)


if __name__ == "__main__":
    unittest.main()
