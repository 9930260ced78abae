"""The launcher of JavaScript handlers."""

import json
import os
import shutil
import signal
import unittest

import host

REQUEST = {"input": "hello", "metadata": {"a": 1}}
ECHO = "export const handle = (request) => request;"


@unittest.skipUnless(shutil.which(host.NODE), "Node.js is not installed")
class NodeTest(host.LauncherTest):
    def start(self, code, env=None, ack=True, file="handler.mjs"):
        self.write(file, code)
        return self.launch(host.node_launcher(), file, env, ack)

    def fail_to_start(self, code, env=None):
        """What a worker logs that never becomes ready."""
        worker = self.start(code, env, ack=False)
        self.assertEqual(worker.read_line(), b"")
        self.assertEqual(worker.status(), 1)
        return worker.stderr.text()


class Calls(NodeTest):
    def test_a_handler_gets_the_whole_request(self):
        worker = self.start(ECHO)
        self.assertEqual(worker.call(REQUEST), REQUEST)
        self.assertIsNone(worker.call(None))
        self.assertTrue(worker.idle())
        self.assertEqual(worker.end(), 0)

    def test_a_promise_is_waited_for(self):
        code = (
            "export async function handle(request) {\n"
            "  await new Promise((resolve) => setImmediate(resolve));\n"
            "  return request;\n"
            "}"
        )
        self.assertEqual(self.start(code).call(REQUEST), REQUEST)

    def test_no_result_is_null(self):
        self.assertIsNone(self.start("export function handle() {}").call({}))

    def test_every_kind_of_module(self):
        module = "export const handle = (request) => ['module', request];"
        common = "exports.handle = (request) => ['common', request];"
        self.assertEqual(self.start(module, file="a.mjs").call(1), ["module", 1])
        self.assertEqual(self.start(common, file="b.cjs").call(1), ["common", 1])
        self.assertEqual(self.start(common, file="c.js").call(1), ["common", 1])
        self.write("package.json", '{"type": "module"}')
        self.assertEqual(self.start(module, file="d.js").call(1), ["module", 1])

    def test_exports_that_only_running_shows(self):
        code = "module.exports = Object.fromEntries([['handle', () => require('./sibling.cjs')]]);"
        self.write("sibling.cjs", "module.exports = 7;")
        self.assertEqual(self.start(code, file="handler.cjs").call({}), 7)

    def test_an_odd_path_and_a_sibling(self):
        self.write("a b#%é/sibling.mjs", "export default 7;")
        code = (
            "import seven from './sibling.mjs';\n"
            "export const handle = () => [seven, process.argv[1]];"
        )
        worker = self.start(code, file="a b#%é/handler.mjs")
        self.assertEqual(worker.call({}), [7, str(self.folder / "a b#%é/handler.mjs")])

    def test_another_function_can_be_named(self):
        worker = self.start("export default () => 7;", {"HANDLER_FUNCTION": "default"})
        self.assertEqual(worker.call({}), 7)

    def test_a_result_with_an_error_alone_stays_a_result(self):
        worker = self.start("export const handle = (r) => ({ ...r, nothing: undefined });")
        wrapped = {"__nanofaas_envelope__": True, "output": {"error": [1]}}
        self.assertEqual(worker.call({"error": [1]}), wrapped)
        self.assertEqual(worker.call({"error": 1, "b": 2}), {"error": 1, "b": 2})

    def test_the_ids_are_in_the_environment_of_their_call_alone(self):
        code = (
            "import { execSync } from 'node:child_process';\n"
            "const { env } = process;\n"
            "export const handle = () =>\n"
            "  [env.EXECUTION_ID, env.TRACE_ID, String(execSync('echo $EXECUTION_ID'))];"
        )
        worker = self.start(code)
        self.assertEqual(worker.call({}, execution_id="e", trace_id="t"), ["e", "t", "e\n"])
        self.assertEqual(worker.call({}, execution_id="f"), ["f", None, "f\n"])
        self.assertEqual(worker.call({}), [None, None, "\n"])


class Lines(NodeTest):
    def test_large_requests_and_answers(self):
        worker = self.start(ECHO)
        value = {"input": "é世😀" * 1200000}
        self.assertEqual(worker.call(value), value)
        self.assertEqual(worker.call("small"), "small")

    def test_a_signal_in_the_middle_of_an_answer_loses_nothing(self):
        worker = self.start("process.on('SIGUSR2', () => {});\n" + ECHO)
        worker.send("x" * 1000000)
        worker.wait_until_full()
        worker.process.send_signal(signal.SIGUSR2)
        self.assertEqual(len(worker.read_line()), 1000003)
        self.assertTrue(worker.idle())

    def test_a_request_in_pieces(self):
        worker = self.start(ECHO)
        line = json.dumps({"value": "é世😀"}, ensure_ascii=False).encode() + b"\n"
        for byte in line:
            worker.write(bytes([byte]))
        self.assertEqual(worker.read_line().decode(), '"é世😀"\n')

    def test_requests_that_come_together_are_answered_in_turn(self):
        code = (
            "let running = 0;\n"
            "export async function handle(request) {\n"
            "  running += 1;\n"
            "  await new Promise((resolve) => setImmediate(resolve));\n"
            "  return [request, running--];\n"
            "}"
        )
        worker = self.start(code)
        worker.write(b'{"value":1}\n{"value":2}\n{"va')
        self.assertEqual([worker.read_line(), worker.read_line()], [b"[1,1]\n", b"[2,1]\n"])
        worker.write(b'lue":3}\n')
        self.assertEqual(worker.read_line(), b"[3,1]\n")

    def test_what_has_no_end_is_no_request(self):
        worker = self.start("export const handle = () => console.log('called');")
        worker.write(b'{"value":1}')
        self.assertEqual(worker.end(), 0)
        self.assertEqual((worker.read_line(), worker.stdout.text()), (b"", ""))

    def test_what_is_no_request_is_an_error_of_its_own(self):
        worker = self.start(ECHO)
        for line in [b"{", b"null", b"\xff"]:
            worker.write(line + b"\n")
            self.assertEqual(list(json.loads(worker.read_line())), ["error"])
        self.assertEqual(worker.call(1), 1)

    def test_half_a_surrogate_pair_does_not_break_the_line(self):
        worker = self.start("export const handle = () => ['\\ud800', '\\\\ud800', 'é', '😀'];")
        self.assertEqual(worker.call({}), ["?", "\\ud800", "é", "😀"])

    def test_the_end_of_stdin_ends_it_whatever_is_open(self):
        worker = self.start(ECHO + "\nsetInterval(() => {}, 1000);")
        self.assertEqual(worker.call(1), 1)
        self.assertEqual(worker.end(), 0)

    def test_sigterm_ends_it(self):
        worker = self.start(ECHO)
        worker.process.send_signal(signal.SIGTERM)
        self.assertEqual(worker.status(), -signal.SIGTERM)


class Failures(NodeTest):
    def test_an_exception_is_the_error_and_its_stack_is_logged(self):
        worker = self.start(
            "export function handle(request) {\n  throw new Error(`no, ${request}`);\n}"
        )
        self.assertEqual(worker.call("hello"), {"error": "no, hello"})
        worker.stderr.wait_for("Error: no, hello\n    at handle (")
        worker.stderr.wait_for("handler.mjs:2:9)\n")

    def test_whatever_is_thrown_has_a_message(self):
        worker = self.start(
            "class Odd extends Error {}\n"
            "export async function handle(request) { throw eval(request); }"
        )
        for thrown, message in [
            ("new Odd()", "Odd"),
            ("'text'", "text"),
            ("''", "''"),
            ("null", "null"),
            ("undefined", "undefined"),
            ("({ code: 7 })", "{ code: 7 }"),
            ("({ message: 'plain' })", "plain"),
        ]:
            self.assertEqual(worker.call(thrown), {"error": message})

    def test_a_result_that_is_not_json_says_where(self):
        worker = self.start("export const handle = (request) => eval(`(${request})`);")
        for result, reason in [
            ("{ a: [0, { 'b c': NaN }] }", 'result["a"][1]["b c"] is NaN'),
            ("[-Infinity]", "result[0] is -Infinity"),
            ("{ a: 1, b: { c: 10n } }", 'result["b"]["c"] is 10n'),
            ("NaN", "result is NaN"),
            ("() => 1", "result is a function"),
            ("Symbol()", "result is a symbol"),
            ("{ toJSON() { throw new Error('never'); } }", "never"),
        ]:
            self.assertEqual(worker.call(result), {"error": "the result is not JSON: " + reason})
        self.assertIn("circular", worker.call("globalThis")["error"])

    def test_null_and_what_becomes_of_dates_is_json(self):
        worker = self.start(
            "export const handle = () => [null, 'null', new Date(NaN), new Date(0)];"
        )
        self.assertEqual(worker.call({}), [None, "null", None, "1970-01-01T00:00:00.000Z"])

    def test_a_rejection_that_nobody_handles_is_logged_and_answers_nothing(self):
        code = (
            "export async function handle(request) {\n"
            "  if (request === 'first') { Promise.reject(new Error('left behind')); return 1; }\n"
            "  await new Promise((resolve) => setImmediate(resolve));\n"
            "  return 2;\n"
            "}"
        )
        worker = self.start(code)
        self.assertEqual([worker.call("first"), worker.call("second")], [1, 2])
        worker.stderr.wait_for("unhandled rejection: Error: left behind")
        self.assertTrue(worker.idle())

    def test_an_exception_of_no_call_is_the_end(self):
        code = (
            "const fail = () => { throw new Error('no'); };\n"
            "export const handle = () => new Promise(() => setImmediate(fail));"
        )
        worker = self.start(code)
        worker.send({})
        self.assertEqual((worker.read_line(), worker.status()), (b"", 1))
        self.assertIn("Error: no", worker.stderr.text())

    def test_process_exit_is_the_end(self):
        worker = self.start("export const handle = () => process.exit(3);")
        worker.send({})
        self.assertEqual((worker.read_line(), worker.status()), (b"", 3))


class Streams(NodeTest):
    def test_what_is_printed_leaves_before_the_worker_does(self):
        code = (
            "export function handle() {\n"
            "  console.log('out ' + 'x'.repeat(300000)); console.error('err'); process.exit(0);\n"
            "}"
        )
        worker = self.start(code)
        worker.send({})
        worker.status()
        self.assertEqual(worker.stdout.text(), "out " + "x" * 300000 + "\n")
        self.assertEqual(worker.stderr.text(), "err\n")

    def test_stdin_is_empty(self):
        code = (
            "import { readFileSync } from 'node:fs';\n"
            "import { text } from 'node:stream/consumers';\n"
            "export const handle = async (request) =>\n"
            "  [request, readFileSync(0, 'utf8'), await text(process.stdin)];"
        )
        worker = self.start(code)
        self.assertEqual(worker.call(1), [1, "", ""])

    def test_programs_get_neither_requests_nor_answers(self):
        code = (
            "import { spawnSync } from 'node:child_process';\n"
            "const options = { stdio: ['inherit', 'pipe', 'inherit'], encoding: 'utf8' };\n"
            "export const handle = () => spawnSync('ls', ['-l', '/proc/self/fd'], options).stdout;"
        )
        listing = self.start(code).call({})
        self.assertRegex(listing, "0 -> /dev/null")
        # Its stderr. Its stdout is a socket.
        self.assertEqual(listing.count("pipe:"), 1, listing)


class Start(NodeTest):
    def test_an_import_that_fails_is_told_with_its_stack(self):
        self.assertIn("no-such-module", self.fail_to_start("import 'no-such-module';"))
        log = self.fail_to_start("const a = 1;\nthrow new Error('at the start');")
        self.assertIn("Error: at the start\n    at ", log)
        self.assertIn("handler.mjs:2", log)

    def test_other_mistakes_at_the_start(self):
        self.assertIn("SyntaxError", self.fail_to_start("export function handle( {"))
        log = self.fail_to_start("export const handle = 7;\nsetInterval(() => {}, 1000);")
        self.assertIn("handler.mjs has no function 'handle'", log)
        log = self.fail_to_start(ECHO, {"HANDLER_FUNCTION": "other"})
        self.assertIn("has no function 'other'", log)

    def test_nothing_is_answered_before_the_import_has_ended(self):
        code = (
            "import { readFile } from 'node:fs/promises';\n"
            "console.log('importing');\nawait readFile('go');\n" + ECHO
        )
        os.mkfifo(str(self.folder / "go"))
        worker = self.start(code, ack=False)
        worker.stdout.wait_for("importing")
        self.assertTrue(worker.idle())
        (self.folder / "go").write_text("x")
        self.assertEqual(worker.read_line(), b'{"ok":true}\n')


if __name__ == "__main__":
    unittest.main()
