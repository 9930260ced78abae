"""log and its three short forms: printed, or posted to the flow's log."""

import contextlib
import http.server
import io
import json
import socket
import threading
import time
import unittest
from unittest import mock

from flowfile_case import FlowCase, load


class Printed(FlowCase):
    def printed(self, call, *arguments):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            call(*arguments)
        return out.getvalue()

    def test_the_level_is_in_front(self):
        self.begin()
        for call, arguments, line in (
            (self.flowfile.log, ("a",), "[INFO] a\n"),
            (self.flowfile.log, ("a", "WARNING"), "[WARNING] a\n"),
            (self.flowfile.log, ("a", "debug"), "[DEBUG] a\n"),
            (self.flowfile.log, (5,), "[INFO] 5\n"),
            (self.flowfile.log_info, ("a",), "[INFO] a\n"),
            (self.flowfile.log_warning, ("a",), "[WARNING] a\n"),
            (self.flowfile.log_error, ("a",), "[ERROR] a\n"),
        ):
            self.assertEqual(self.printed(call, *arguments), line)

    def test_a_line_is_written_in_one_piece(self):
        self.begin()
        pieces = []
        with mock.patch("sys.stdout", mock.Mock(write=pieces.append)):
            self.flowfile.log("a")
        self.assertEqual([piece for piece in pieces if piece], ["[INFO] a\n"])

    def test_a_callback_that_cannot_be_used_falls_back_to_stdout(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            closed = f"http://127.0.0.1:{unused.getsockname()[1]}/log"
            for url in (closed, "nonsense", "http://[", "http://", "http://host:port/", "ftp://x/"):
                self.begin(log_callback_url=url)
                self.assertEqual(self.printed(self.flowfile.log, "a"), "[INFO] a\n", url)

    def test_only_http_is_spoken(self):
        with open(self.path("file"), "w") as file:
            file.write("x")
        for url in ("file://" + self.path("file"), "data:,x"):
            self.begin(log_callback_url=url)
            self.assertEqual(self.printed(self.flowfile.log, "a"), "[INFO] a\n")

    def test_a_callback_that_does_not_answer_is_waited_for_once(self):
        log = load("flow_log")
        self.assertLessEqual(log.CALLBACK_TIMEOUT, 5)
        with socket.socket() as silent, mock.patch.object(log, "CALLBACK_TIMEOUT", 0.3):
            silent.bind(("127.0.0.1", 0))
            silent.listen(8)
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
            self.begin(log_callback_url=url)
            start = time.monotonic()
            for _ in range(20):
                self.assertEqual(self.printed(self.flowfile.log, "a"), "[INFO] a\n")
            self.assertLess(time.monotonic() - start, 3)


class Posted(FlowCase):
    def setUp(self):
        super().setUp()
        received = self.received = []
        self.status = status = [200]

        class Log(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append((self.path, self.headers["Content-Type"], json.loads(body)))
                self.send_response(status[0])
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Log)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        self.url = f"http://127.0.0.1:{server.server_port}/raw_logs"

    def log(self, call, *arguments):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            call(*arguments)
        return out.getvalue()

    def test_it_is_posted_and_not_printed(self):
        self.begin("3", log_callback_url=self.url)
        self.assertEqual(self.log(self.flowfile.log_warning, "t\u00e9xt \ud800"), "")
        self.assertEqual(
            self.received,
            [
                (
                    "/raw_logs",
                    "application/json",
                    {
                        "flowfile_flow_id": 7,
                        "node_id": 3,
                        "log_message": "t\u00e9xt \ud800",
                        "log_type": "WARNING",
                    },
                )
            ],
        )

    def test_a_refusal_is_printed_and_the_next_is_posted_again(self):
        self.begin(log_callback_url=self.url)
        self.status[0] = 500
        self.assertEqual(self.log(self.flowfile.log, "a"), "[INFO] a\n")
        self.status[0] = 204
        self.assertEqual(self.log(self.flowfile.log, "b"), "")
        self.assertEqual([body["log_message"] for _, _, body in self.received], ["a", "b"])

    def test_a_thread_posts_as_the_node_that_runs(self):
        self.begin(9, log_callback_url=self.url)
        thread = threading.Thread(target=self.flowfile.log, args=("a",))
        thread.start()
        thread.join()
        self.assertEqual(self.received[0][2]["node_id"], 9)


if __name__ == "__main__":
    unittest.main()
