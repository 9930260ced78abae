"""Frames, their order, and the ends of the connection."""

import os
import socket
import subprocess
import unittest

import host
from host import Died, KernelTest


class Hello(KernelTest):
    def test_says_its_version_and_waits_for_init(self):
        child = self.start(start=False)
        self.assertEqual(list(child.hello), ["version"])
        found = tuple(map(int, child.hello["version"].split(".")))
        self.assertEqual(found[:2], host.python_version())
        self.assertTrue(child.idle())
        child.init()

    def test_a_python_that_is_too_old_says_so(self):
        source = (host.SOURCES / "bootstrap.py").read_text()
        code = "import sys; sys.version_info = (3, 7, 9)\n" + source
        ended = subprocess.run(
            [host.PYTHON, "-c", code], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self.assertEqual(ended.returncode, 1)
        self.assertIn(b"needs Python 3.8 or newer", ended.stderr)

    def test_imports_nothing_heavy(self):
        heavy = (
            "json re asyncio traceback linecache inspect typing dataclasses subprocess signal ast"
        )
        code = "import sys; [m for m in %r.split() if m in sys.modules]" % heavy
        bare = subprocess.check_output([host.PYTHON, "-c", code.replace("; ", "; print(") + ")"])
        self.assertEqual(self.run_cell(code).result, bare.decode().strip())

    def test_works_isolated_and_in_development_mode(self):
        for arguments in (["-I"], ["-S"], ["-E"], ["-X", "dev"], ["-B", "-O"], ["-W", "error"]):
            child = self.start(arguments=arguments)
            self.assertEqual(child.run("1 + 1").result, "2")
            self.assertEqual(child.run("1/0").error["name"], "ZeroDivisionError")
            self.assertEqual((child.close(), child.stderr.data), (0, b""))


class Frames(KernelTest):
    def test_order_is_the_order_of_events(self):
        answer = self.run_cell(
            "import sys\nprint('a')\ndisplay(1)\nprint('b', file=sys.stderr)\nprint('c')\n'v'"
        )
        self.assertEqual(answer.kinds(), "odeovf")

    def test_ping_and_questions_are_answered_with_their_token(self):
        self.assertIsNone(self.child.ping())
        self.assertEqual(self.child.ask(op="clear_artifacts"), {"artifacts": {}, "removed": []})

    def test_two_requests_in_one_write(self):
        first, second = self.child.start("1"), self.child.start("2")
        self.assertEqual(self.child.finish(first).result, "1")
        self.assertEqual(self.child.finish(second).result, "2")

    def test_a_large_request(self):
        text = "é" * 3000000
        self.assertEqual(self.run_cell("len('%s')" % text).result, "3000000")

    def test_the_barrier_tells_of_unread_bytes_in_the_pipes(self):
        child = self.start(read_pipes=False)
        answer = child.run("import os\nprint('a')\nos.write(1, b'raw');\nprint('b')")
        self.assertEqual([barrier for _, _, barrier in answer.frames], [False, True, True])
        self.assertEqual(os.read(child.pipe_fds[0], 100), b"raw")
        answer = child.run("print('c')")
        self.assertEqual([barrier for _, _, barrier in answer.frames], [False, False])
        answer = child.run("os.write(2, b'raw');")
        self.assertEqual([barrier for _, _, barrier in answer.frames], [True])

    def test_the_barrier_speaks_of_our_pipes_only(self):
        child = self.start(read_pipes=False)
        answer = child.run(
            "import os\nr, w = os.pipe()\nos.dup2(w, 1)\nos.write(1, b'other');\nprint('a')"
        )
        self.assertEqual([barrier for _, _, barrier in answer.frames], [False, False])

    def test_lone_surrogates_do_not_break_a_payload(self):
        answer = self.run_cell("'\\ud800x'")
        self.assertEqual(answer.result, repr("\ud800x"))
        answer = self.run_cell("class R:\n    __repr__ = lambda s: '\\udc80x\\U0001f600'\nR()")
        self.assertEqual(answer.result, "\ufffdx\U0001f600")
        self.assertEqual(
            self.fail_cell("raise ValueError('\\ud800')", "ValueError")["value"], "\ufffd"
        )


class Ends(KernelTest):
    def test_the_end_of_the_stream_ends_the_child_with_0(self):
        self.run_cell("import atexit\natexit.register(print, 'late')")
        self.assertEqual(self.child.close(), 0)

    def test_half_a_frame_and_the_end(self):
        self.child.sock.sendall(b"\0\0\1")
        self.assertEqual(self.child.close(), 0)

    def lost(self, code):
        with self.assertRaises(Died) as caught:
            self.child.run(code)
        self.assertEqual(caught.exception.args, (1,))
        self.child.stderr.wait_for(b"fd 3, the connection to the watchdog, was lost")

    def test_fd_3_closed(self):
        self.lost("import os\nos.close(3)")

    def test_fd_3_closed_and_written_to(self):
        self.lost("import os\nos.close(3)\nprint('x', flush=True)\nwhile True: pass")

    def test_fd_3_replaced_by_a_file(self):
        self.lost("import os\nos.dup2(os.open('/dev/null', os.O_RDWR), 3)")

    def test_fd_3_replaced_by_a_socket(self):
        self.lost("import os, socket\na, b = socket.socketpair()\nos.dup2(a.fileno(), 3)")

    def test_fd_3_and_2_closed(self):
        self.lost("import os\nos.close(3)\nos.close(2)")

    def test_children_of_user_code_do_not_hold_fd_3(self):
        self.run_cell(
            "import subprocess, sys\n"
            "code = 'import os; print(os.path.exists(\"/proc/self/fd/3\"))'\n"
            "out = subprocess.check_output([sys.executable, '-c', code], close_fds=False)"
        )
        self.assertEqual(self.run_cell("out").result, repr(b"False\n"))


class SignalHandlersOfUserCode(KernelTest):
    def test_one_that_raises_while_we_send_leaves_whole_frames(self):
        # The socket is full while the alarm rings: send() is interrupted within a frame.
        child = self.start(options={"output_limit": 1 << 30})
        child.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        answer = child.run(
            "import signal\n"
            "class Alarm(Exception): pass\n"
            "def ring(*_):\n"
            "    global on\n"
            "    if on:\n"
            "        on = False\n"
            "        raise Alarm\n"
            "on = False\n"
            "signal.signal(signal.SIGALRM, ring)\n"
            "rings = 0\n"
            "signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)\n"
            "while rings < 100:\n"
            "    try:\n"
            "        on = True\n"
            "        while True: print('x' * 200000)\n"
            "    except Alarm:\n"
            "        rings += 1\n"
            "signal.setitimer(signal.ITIMER_REAL, 0)\n"
        )
        self.assertIn("f", answer.kinds())
        self.assertEqual(set(answer.stdout), {"x", "\n"})
        self.assertEqual(child.run("rings >= 100").result, "True")

    def test_one_that_raises_again_and_again_does_not_end_the_child(self):
        self.child.run(
            "import signal\n"
            "def ring(*_): raise ValueError('again')\n"
            "signal.signal(signal.SIGALRM, ring)\n"
            "signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)"
        )
        for _ in range(20):
            self.assertEqual(self.child.receive()[0], "l")
        for _ in range(20):
            self.assertEqual(self.child.run("1").kinds()[-1], "f")
        # The alarm may end the cell that ends it.
        stop = "signal.setitimer(signal.ITIMER_REAL, 0)\n'stopped'"
        while self.child.run(stop).result != "'stopped'":
            pass
        self.assertEqual(self.child.run("2").kinds()[-1], "f")

    def test_one_that_raises_between_cells_is_logged(self):
        self.run_cell(
            "import signal, os\n"
            "def ring(*_): raise ValueError('between')\n"
            "signal.signal(signal.SIGUSR1, ring);"
        )
        os.kill(self.child.process.pid, 10)
        kind, _, body, _ = self.child.receive()
        self.assertEqual(kind, "l")
        self.assertIn(b"ValueError: between", body)
        self.assertEqual(self.run_cell("1").result, "1")


if __name__ == "__main__":
    unittest.main()
