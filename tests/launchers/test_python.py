"""The launcher of Python handlers."""

import json
import os
import signal
import subprocess
import unittest

import host

REQUEST = {"input": "hello", "metadata": {"a": 1}}


class PythonTest(host.LauncherTest):
    def start(self, code, env=None, ack=True, prelude="", file="handler.py", **options):
        self.write(file, code)
        return self.launch(host.python_launcher(prelude), file, env, ack, **options)

    def fail_to_start(self, code, env=None, **options):
        """What a worker logs that never becomes ready."""
        worker = self.start(code, env, ack=False, **options)
        self.assertEqual(worker.read_line(), b"")
        self.assertEqual(worker.status(), 1)
        return worker.stderr.text()

    def failure(self, result, prelude=""):
        """The error of a handler that returns an expression."""
        code = "import datetime\ndef handle(request): return %s" % result
        answer = self.start(code, prelude=prelude).call({})
        self.assertEqual(list(answer), ["error"])
        return answer["error"]


class Calls(PythonTest):
    def test_a_handler_gets_the_whole_request(self):
        worker = self.start("def handle(request): return [type(request).__name__, request]")
        self.assertEqual(worker.call(REQUEST), ["dict", REQUEST])
        self.assertEqual(worker.call({"input": None}), ["dict", {"input": None}])
        self.assertTrue(worker.idle())
        self.assertEqual(worker.end(), 0)

    def test_any_json_value_is_a_result(self):
        worker = self.start("def handle(request): return eval(request['input'])")
        for value in ["None", "True", "-7", "1.5", "'x'", "[]", "{}", "(1, [2])", "10**400"]:
            self.assertEqual(worker.call({"input": value}), json.loads(json.dumps(eval(value))))

    def test_keys_that_json_knows_become_strings(self):
        worker = self.start("def handle(request): return {1: 1, None: 2, True: 3, .5: 4}")
        self.assertEqual(worker.call({}), {"1": 3, "null": 2, "0.5": 4})

    def test_another_function_can_be_named(self):
        worker = self.start("def run(request): return 7", {"HANDLER_FUNCTION": "run"})
        self.assertEqual(worker.call({}), 7)

    def test_a_result_with_an_error_alone_stays_a_result(self):
        worker = self.start("def handle(request): return request")
        wrapped = {"__nanofaas_envelope__": True, "output": {"error": [1]}}
        self.assertEqual(worker.call({"error": [1]}), wrapped)
        self.assertEqual(worker.call({"error": 1, "b": 2}), {"error": 1, "b": 2})
        self.assertEqual(worker.call([{"error": 1}]), [{"error": 1}])

    def test_the_ids_are_in_the_environment_of_their_call_alone(self):
        code = (
            "import os, subprocess\n"
            "def handle(request):\n"
            "    sub = subprocess.check_output(['sh', '-c', 'echo $EXECUTION_ID'])\n"
            "    return [os.environ.get('EXECUTION_ID'), os.environ.get('TRACE_ID'), sub.decode()]"
        )
        worker = self.start(code)
        self.assertEqual(worker.call({}, execution_id="e", trace_id="t"), ["e", "t", "e\n"])
        self.assertEqual(worker.call({}, execution_id="f"), ["f", None, "f\n"])
        self.assertEqual(worker.call({}), [None, None, "\n"])


class Lines(PythonTest):
    ECHO = "def handle(request): return request"

    def test_large_requests_and_answers(self):
        worker = self.start(self.ECHO)
        value = {"input": "é世😀" * 1200000}
        self.assertEqual(worker.call(value), value)
        self.assertEqual(worker.call("small"), "small")

    def test_a_signal_in_the_middle_of_an_answer_loses_nothing(self):
        code = "import signal\nsignal.signal(signal.SIGUSR2, lambda *_: None)\n" + self.ECHO
        worker = self.start(code)
        worker.send("x" * 1000000)
        worker.wait_until_full()
        worker.process.send_signal(signal.SIGUSR2)
        self.assertEqual(len(worker.read_line()), 1000003)
        self.assertTrue(worker.idle())

    def test_a_request_in_pieces(self):
        worker = self.start(self.ECHO)
        line = json.dumps({"value": "é世😀"}, ensure_ascii=False).encode() + b"\n"
        for byte in line:
            worker.write(bytes([byte]))
        self.assertEqual(worker.read_line().decode(), '"é世😀"\n')

    def test_requests_that_come_together_are_answered_in_turn(self):
        worker = self.start(self.ECHO)
        worker.write(b'{"value":1}\n{"value":2}\n{"va')
        self.assertEqual([worker.read_line(), worker.read_line()], [b"1\n", b"2\n"])
        worker.write(b'lue":3}\n')
        self.assertEqual(worker.read_line(), b"3\n")

    def test_what_has_no_end_is_no_request(self):
        worker = self.start("def handle(request): print('called')")
        worker.write(b'{"value":1}')
        self.assertEqual(worker.end(), 0)
        self.assertEqual((worker.read_line(), worker.stdout.text()), (b"", ""))

    def test_what_is_no_request_is_an_error_of_its_own(self):
        worker = self.start(self.ECHO)
        for line in [b"{", b"[1]", b"\xff", b"[" * 100000]:
            worker.write(line + b"\n")
            self.assertEqual(list(json.loads(worker.read_line())), ["error"])
        self.assertEqual(worker.call(1), 1)

    def test_half_a_surrogate_pair_does_not_break_the_line(self):
        worker = self.start("def handle(request): return ['\\ud800', '\\\\ud800', 'é']")
        self.assertEqual(worker.call({}), ["?", "\\ud800", "é"])

    def test_the_end_of_stdin_is_an_ordinary_end(self):
        code = "import atexit\natexit.register(print, 'cleaned up')\n" + self.ECHO
        worker = self.start(code)
        self.assertEqual(worker.end(), 0)
        self.assertEqual(worker.stdout.text(), "cleaned up\n")

    def test_sigterm_ends_it(self):
        worker = self.start(self.ECHO)
        worker.process.send_signal(signal.SIGTERM)
        self.assertEqual(worker.status(), -signal.SIGTERM)


class Failures(PythonTest):
    def test_an_exception_is_the_error_and_its_traceback_is_logged(self):
        worker = self.start("def handle(request):\n    raise ValueError('no, ' + request['input'])")
        self.assertEqual(worker.call(REQUEST), {"error": "no, hello"})
        worker.end()
        place = '  File "%s", line 2, in handle\n' % (self.folder / "handler.py")
        log = worker.stderr.text()
        self.assertTrue(log.startswith("Traceback (most recent call last):\n" + place), log)
        self.assertTrue(log.endswith("ValueError: no, hello\n"), log)

    def test_an_exception_without_message_is_told_by_its_type(self):
        code = (
            "class Odd(Exception):\n    def __str__(self): raise self\n"
            "def handle(request): raise eval(request)"
        )
        worker = self.start(code)
        self.assertEqual(worker.call("KeyError()"), {"error": "KeyError"})
        self.assertEqual(worker.call("Odd(1)"), {"error": "Odd"})
        self.assertEqual(worker.call("KeyboardInterrupt"), {"error": "KeyboardInterrupt"})

    def test_sys_exit_fails_the_call_and_no_more(self):
        worker = self.start("import sys\ndef handle(request): return request and sys.exit(request)")
        self.assertEqual(worker.call(3), {"error": "the handler called sys.exit(3)"})
        self.assertEqual(worker.call(0), 0)

    def test_a_result_that_is_not_json_says_where(self):
        for result, reason in [
            ("{'a': [0, {'b': datetime.date(1, 1, 1)}]}", "result['a'][1]['b'] is a date"),
            ("{'a': {(1, 2): 3}}", "result['a'] has a key that is a tuple"),
            ("{'a': [float('nan')]}", "result['a'][0] is nan"),
            ("-float('inf')", "result is -inf"),
            ("b'x'", "result is a bytes"),
            ("(i for i in '')", "result is a generator"),
            ("{'error': {1}}", "result['error'] is a set"),
        ]:
            with self.subTest(result):
                self.assertEqual(self.failure(result), "the result is not JSON: " + reason)

    def test_a_result_that_contains_itself_is_an_error(self):
        code = "loop = []\nloop.append(loop)\ndef handle(request): return loop if request else 1"
        worker = self.start(code)
        self.assertIn("contains itself", worker.call(True)["error"])
        self.assertEqual(worker.call(False), 1)

    def test_a_crash_is_the_end(self):
        worker = self.start("import os\ndef handle(request): os._exit(3)")
        worker.send({})
        self.assertEqual((worker.read_line(), worker.status()), (b"", 3))


class Async(PythonTest):
    def test_an_async_handler_is_waited_for(self):
        code = "import asyncio\nasync def handle(request): return await asyncio.sleep(0, request)"
        self.assertEqual(self.start(code).call(REQUEST), REQUEST)

    def test_an_awaitable_result_is_waited_for(self):
        code = "async def work(): return 7\ndef handle(request): return work()"
        self.assertEqual(self.start(code).call({}), 7)

    def test_calls_share_a_loop_with_what_the_import_made(self):
        code = (
            "import asyncio\nqueue = asyncio.Queue()\nloops = set()\n"
            "async def handle(request):\n"
            "    loops.add(asyncio.get_running_loop())\n"
            "    get = asyncio.ensure_future(queue.get())\n"
            "    await asyncio.sleep(0)\n"
            "    await queue.put(request)\n"
            "    return [await get, len(loops)]"
        )
        worker = self.start(code)
        self.assertEqual([worker.call("a"), worker.call("b")], [["a", 1], ["b", 1]])

    def test_a_failure_leaves_the_loop_in_order(self):
        code = (
            "import sys\nasync def handle(request):\n"
            "    if request == 'exit': sys.exit(1)\n"
            "    if request == 'fail': raise ValueError('no')\n"
            "    return request"
        )
        worker = self.start(code)
        self.assertEqual(worker.call("exit"), {"error": "the handler called sys.exit(1)"})
        self.assertEqual(worker.call("fail"), {"error": "no"})
        self.assertEqual(worker.call("ok"), "ok")


class Streams(PythonTest):
    def test_a_line_is_logged_at_once(self):
        code = (
            "import os, sys\ndef handle(request):\n"
            "    print('out')\n    print('err', file=sys.stderr)\n    os._exit(0)"
        )
        worker = self.start(code)
        worker.send({})
        worker.status()
        self.assertEqual((worker.stdout.text(), worker.stderr.text()), ("out\n", "err\n"))

    def test_what_has_no_end_of_line_is_logged_with_the_call(self):
        worker = self.start("def handle(request): print('half', end='')")
        self.assertIsNone(worker.call({}))
        worker.stdout.wait_for("half")

    def test_the_log_is_utf_8_in_every_locale(self):
        env = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
        worker = self.start("def handle(request): print('мир \\ud800')", env)
        self.assertIsNone(worker.call({}))
        worker.stdout.wait_for("мир \\ud800\n")

    def test_a_handler_may_close_its_streams(self):
        code = "import sys\ndef handle(request):\n    sys.stdout.close()\n    sys.stderr = None"
        worker = self.start(code)
        self.assertEqual([worker.call({}), worker.call({})], [None, None])
        self.assertEqual(worker.end(), 0)

    def test_stdin_is_empty(self):
        code = "import sys\ndef handle(request): return request or [sys.stdin.read(), input()]"
        worker = self.start(code)
        self.assertEqual(worker.call(None), {"error": "EOF when reading a line"})
        self.assertEqual(worker.call(1), 1)

    def test_programs_get_neither_requests_nor_answers(self):
        code = (
            "import subprocess\ndef handle(request):\n"
            "    list = ['ls', '-l', '/proc/self/fd']\n"
            "    return subprocess.check_output(list, close_fds=False, text=True)"
        )
        listing = self.start(code).call({})
        # Its stdout and its stderr.
        self.assertEqual(listing.count("pipe:"), 2, listing)

    def test_a_forked_child_that_comes_back_answers_nothing(self):
        code = (
            "import os\ndef handle(request):\n"
            "    if os.fork() == 0: return 'the child'\n"
            "    return os.wait()[1]"
        )
        worker = self.start(code)
        self.assertEqual([worker.call({}), worker.call({})], [0, 0])
        self.assertTrue(worker.idle())


class Start(PythonTest):
    def test_an_import_that_fails_is_told_with_its_traceback(self):
        log = self.fail_to_start("print('so far')\nimport no_such_module")
        place = '  File "%s", line 2, in <module>\n' % (self.folder / "handler.py")
        self.assertTrue(log.startswith("Traceback (most recent call last):\n" + place), log)
        self.assertTrue(log.endswith("No module named 'no_such_module'\n"), log)
        self.assertNotIn("importlib", log)

    def test_other_mistakes_at_the_start(self):
        self.assertIn("SyntaxError", self.fail_to_start("def handle(:"))
        self.assertIn("SystemExit", self.fail_to_start("raise SystemExit(0)"))
        self.assertIn("has no function 'handle'", self.fail_to_start("def other(): pass"))
        self.assertIn("has no function 'handle'", self.fail_to_start("handle = 7"))

    def test_a_name_that_python_itself_has_is_refused(self):
        for name in ["os", "time"]:
            log = self.fail_to_start("def handle(request): pass", file=name + ".py")
            self.assertIn("give it another name", log)

    def test_nothing_is_answered_before_the_import_has_ended(self):
        code = "print('importing')\nopen('go').read()\ndef handle(request): pass"
        os.mkfifo(str(self.folder / "go"))
        worker = self.start(code, ack=False)
        worker.stdout.wait_for("importing")
        self.assertTrue(worker.idle())
        (self.folder / "go").write_text("x")
        self.assertEqual(worker.read_line(), b'{"ok":true}\n')

    def test_a_handler_is_a_module_beside_its_siblings(self):
        self.write("app/sibling.py", "VALUE = 7")
        code = (
            "import sibling, sys\n"
            "def handle(request):\n"
            "    return [sibling.VALUE, __name__, sys.argv, sys.path[0], '' in sys.path]"
        )
        folder = str(self.folder / "app")
        worker = self.start(code, file="app/handler.py")
        file = os.path.join(folder, "handler.py")
        self.assertEqual(worker.call({}), [7, "handler", [file], folder, False])

    def test_a_handler_in_a_package(self):
        self.write("pkg/__init__.py", "def handle(request): return __name__")
        self.write("pkg/sibling.py", "VALUE = 7")
        env = {"HANDLER_ROOT": str(self.folder), "HANDLER_MODULE": "pkg.deep"}
        code = "from .sibling import VALUE\ndef handle(request): return [VALUE, __name__]"
        self.assertEqual(self.start(code, env, file="pkg/deep.py").call({}), [7, "pkg.deep"])
        env["HANDLER_MODULE"] = "pkg"
        worker = self.launch(host.python_launcher(), "pkg/__init__.py", env)
        self.assertEqual(worker.call({}), "pkg")

    def test_next_to_nothing_is_imported(self):
        code = "import sys\ndef handle(request): return sorted(sys.modules)"
        bare = "import sys; print(*sys.modules)"
        bare = subprocess.check_output([host.PYTHON, "-c", bare]).decode().split()
        modules = set(self.start(code).call({})) - set(bare)
        self.assertLessEqual(modules, {"_json", "handler"})

    def test_without_the_core_of_json_its_package_does(self):
        prelude = "import sys; sys.modules['_json'] = None\n"
        worker = self.start("import sys\ndef handle(request): return request", prelude=prelude)
        value = {"input": ["é", 1, None]}
        self.assertEqual(worker.call(value), value)
        reason = "the result is not JSON: result[0] is nan"
        self.assertEqual(self.failure("[float('nan')]", prelude), reason)
        self.assertEqual(
            self.failure("{'a': {1}}", prelude), "the result is not JSON: result['a'] is a set"
        )


if __name__ == "__main__":
    unittest.main()
