"""sys.stdout, sys.stderr, sys.stdin and the limits."""

import unittest

from host import KernelTest


class Buffering(KernelTest):
    def frames(self, code, kind="o"):
        answer = self.run_cell(code)
        return [body for of, body, _ in answer.frames if of == kind]

    def test_a_line_is_a_frame(self):
        self.assertEqual(self.frames("print('a', 1)\nprint('b')"), [b"a 1\n", b"b\n"])

    def test_text_without_newline_comes_at_the_end(self):
        self.assertEqual(self.frames("print('a', end='')\nprint('b', end='')"), [b"ab"])

    def test_flush_sends(self):
        self.assertEqual(self.frames("print('a', end='', flush=True)\nprint('b')"), [b"a", b"b\n"])

    def test_much_text_does_not_wait(self):
        frames = self.frames("for _ in range(20000): print('a', end='')")
        self.assertEqual(b"".join(frames), b"a" * 20000)
        self.assertTrue(4096 <= len(frames[0]) <= 8192, len(frames[0]))

    def test_a_switch_of_stream_keeps_the_order(self):
        answer = self.run_cell(
            "import sys\nprint('a', end='')\nprint('b', end='', file=sys.stderr)\nprint('c', end='')"
        )
        self.assertEqual(
            [(kind, body) for kind, body, _ in answer.frames[:-1]],
            [("o", b"a"), ("e", b"b"), ("o", b"c")],
        )

    def test_a_frame_is_at_most_64_kib(self):
        for text in ("'a' * 1000000", "'\\U0001f600' * 300000"):
            frames = self.frames("print(%s)" % text)
            self.assertLessEqual(max(map(len, frames)), 65536)
            self.assertEqual(b"".join(frames).decode(), eval(text) + "\n")

    def test_surrogates(self):
        self.assertEqual(self.frames("print('\\udcff')"), [b"\xff\n"])
        self.assertEqual(self.frames("print('\\ud800')"), [b"\xed\xa0\x80\n"])

    def test_bytes_and_text_keep_their_order(self):
        code = "import sys\nsys.stdout.write('a')\nsys.stdout.buffer.write(b'\\xff')\nprint('b')"
        self.assertEqual(b"".join(self.frames(code)), b"a\xffb\n")

    def test_a_subclass_of_str_is_its_text(self):
        code = "class S(str):\n    def encode(self, *a): return b'no'\n    def __len__(self): return 9\n"
        self.assertEqual(self.frames(code + "import sys\nsys.stdout.write(S('yes'));"), [b"yes"])

    def test_what_is_no_text_is_refused(self):
        self.fail_cell("import sys\nsys.stdout.write(b'a')", "TypeError")

    def test_the_streams_look_like_streams(self):
        code = (
            "import sys\n"
            "[(s.encoding, s.isatty(), s.closed, s.fileno(), s.writable(), s.name)\n"
            " for s in (sys.stdout, sys.stderr, sys.__stdout__)]"
        )
        found = eval(self.run_cell(code).result)
        self.assertEqual(found[0], ("utf-8", False, False, 1, True, "<stdout>"))
        self.assertEqual(found[1], ("utf-8", False, False, 2, True, "<stderr>"))
        self.assertEqual(found[2], found[0])

    def test_a_stream_in_the_place_of_ours_is_flushed(self):
        code = "import io, sys\nsys.stdout = io.TextIOWrapper(sys.stdout.buffer)\nprint('kept')"
        self.assertEqual(self.run_cell(code).stdout, "kept\n")

    def test_the_stdio_of_c_is_flushed(self):
        child = self.start()
        child.run("import ctypes\nctypes.CDLL(None).printf(b'from c');")
        child.stdout.wait_for(b"from c")


class Limits(KernelTest):
    options = {"output_limit": 100000}

    def test_output_beyond_the_limit_is_dropped_and_said(self):
        answer = self.run_cell("for _ in range(10000): print('é' * 10)")
        self.assertLessEqual(len(answer.bytes("o")), 100000)
        self.assertGreater(len(answer.bytes("o")), 99990)
        answer.bytes("o").decode()
        self.assertEqual(answer.end["stdout_truncated"], True)
        self.assertEqual(answer.end["stderr_truncated"], False)

    def test_each_stream_and_each_execution_has_its_own_limit(self):
        loud = "import sys\nprint('a' * 100001, file=sys.stderr)\nprint('b')"
        for _ in range(2):
            answer = self.run_cell(loud)
            self.assertEqual(len(answer.stderr), 100000)
            self.assertEqual(answer.stdout, "b\n")
            self.assertEqual(answer.end["stderr_truncated"], True)
            self.assertEqual(answer.end["stdout_truncated"], False)
        self.assertEqual(self.run_cell("print('c')").end["stderr_truncated"], False)

    def test_exactly_the_limit_is_not_too_much(self):
        answer = self.run_cell("print('a' * 100000, end='')")
        self.assertEqual((len(answer.stdout), answer.end["stdout_truncated"]), (100000, False))

    def test_bytes_count_too(self):
        answer = self.run_cell("import sys\nsys.stdout.buffer.write(b'a' * 200000);")
        self.assertEqual((len(answer.stdout), answer.end["stdout_truncated"]), (100000, True))

    def test_a_huge_print_is_neither_sent_nor_copied(self):
        code = (
            "import resource\n"
            "text = 'a' * 100_000_000\n"
            "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
            "print(text)\n"
            "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        )
        answer = self.run_cell(code)
        self.assertLess(len(answer.frames), 10)
        self.assertEqual(len(answer.stdout), 100000)
        self.assertLess(int(self.run_cell("after - before").result), 10000)

    def test_rich_output_over_its_limit_becomes_a_note(self):
        answer = self.run_cell(
            "display('a' * 90000)\ndisplay('b' * 90000)\ndisplay('c')\n'd' * 90000"
        )
        first, second, third = (frame["data"]["text/plain"] for frame in answer.json("d"))
        self.assertIn("a" * 90000, first)
        self.assertIn("limit", second)
        self.assertEqual(third, "'c'")
        self.assertIn("limit", answer.result)
        self.assertEqual(answer.end["rich_truncated"], True)
        self.assertEqual(self.run_cell("1").end["rich_truncated"], False)


class Input(KernelTest):
    def test_input_fails_at_once(self):
        answer = self.child.run("input('name? ')")
        self.assertEqual(answer.error["name"], "EOFError")
        self.assertEqual(answer.stdout, "name? ")

    def test_stdin_is_at_its_end(self):
        code = "import sys, os\n(sys.stdin.read(), sys.stdin.readline(), list(sys.stdin), os.read(0, 1))"
        self.assertEqual(self.run_cell(code).result, repr(("", "", [], b"")))
        self.assertEqual(self.run_cell("sys.stdin.buffer.read()").result, repr(b""))

    def test_a_subprocess_sees_no_input(self):
        self.run_cell("import subprocess\nout = subprocess.check_output('cat')")
        self.assertEqual(self.run_cell("out").result, repr(b""))


class Processes(KernelTest):
    def test_output_of_a_subprocess_comes_through_the_pipes(self):
        self.run_cell("import os\nos.system('echo from a shell; echo to err >&2');")
        self.child.stdout.wait_for(b"from a shell\n")
        self.child.stderr.wait_for(b"to err\n")

    def test_os_exit_sends_what_was_printed(self):
        token = self.child.start("import os\nprint('last words', end='')\nos._exit(7)")
        kind, of, body, _ = self.child.receive()
        self.assertEqual((kind, of, body), ("o", token, b"last words"))
        self.assertEqual(self.child.process.wait(), 7)

    def test_os_exit_in_a_thread(self):
        token = self.child.start(
            "import os, threading\nprint('last', end='')\n"
            "t = threading.Thread(target=os._exit, args=(8,))\nt.start()\nt.join()"
        )
        self.assertEqual(self.child.receive()[1:3], (token, b"last"))
        self.assertEqual(self.child.process.wait(), 8)


if __name__ == "__main__":
    unittest.main()
