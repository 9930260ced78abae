"""The watchdog's side of the protocol: starts an interpreter and speaks frames with it."""

import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = HERE.parents[1] / "nanofaas-sdk/src/watchdog/kernel/python"
PYTHON = os.environ.get("PYTHON", sys.executable)
# Only for a child that hangs: no test waits this long.
PATIENCE = 20


def modules():
    paths = sorted(SOURCES.glob("*.py"))
    return {path.stem: path.read_text() for path in paths if path.stem != "bootstrap"}


def python_version():
    code = "import sys; print(sys.version_info[0], sys.version_info[1])"
    return tuple(map(int, subprocess.check_output([PYTHON, "-c", code]).split()))


class Died(Exception):
    """The child closed its end."""


class Pipe(threading.Thread):
    """Collects what comes through fd 1 or 2."""

    def __init__(self, fd):
        super().__init__(daemon=True)
        self.fd = fd
        self.data = b""
        self.changed = threading.Condition()
        self.start()

    def run(self):
        while True:
            more = os.read(self.fd, 65536)
            with self.changed:
                self.data += more
                self.changed.notify_all()
            if not more:
                os.close(self.fd)
                return

    def wait_for(self, text):
        with self.changed:
            if not self.changed.wait_for(lambda: text in self.data, PATIENCE):
                raise AssertionError("%r did not come, only %r" % (text, self.data))


class Child:
    def __init__(self, options=None, arguments=(), env=None, read_pipes=True, start=True):
        ours, theirs = socket.socketpair()
        self.sock = ours
        self.sock.settimeout(PATIENCE)
        out, err = os.pipe(), os.pipe()
        self.process = subprocess.Popen(
            [PYTHON, *arguments, "-c", (SOURCES / "bootstrap.py").read_text()],
            stdin=theirs,
            stdout=out[1],
            stderr=err[1],
            start_new_session=True,
            env={**os.environ, **(env or {})},
        )
        theirs.close()
        os.close(out[1])
        os.close(err[1])
        self.pipe_fds = out[0], err[0]
        self.stdout, self.stderr = map(Pipe, self.pipe_fds) if read_pipes else (None, None)
        self.token = 0
        self.count = 0
        self.buffer = b""
        self.log = b""
        self.send("B", 0, modules())
        self.hello = json.loads(self.receive()[2])
        if start:
            self.init(**(options or {}))

    def init(self, api="none", workspace=None, output_limit=10485760, memory_limit=0):
        options = dict(
            api=api, workspace=workspace, output_limit=output_limit, memory_limit=memory_limit
        )
        self.send("I", 0, options)
        while True:
            kind, _, body, _ = self.receive()
            if kind == "r":
                return
            assert kind == "l", kind
            self.log += body

    def send(self, kind, token, value=None):
        body = b"" if value is None else json.dumps(value).encode()
        frame = (9 + len(body)).to_bytes(4, "big") + kind.encode() + token.to_bytes(8, "big")
        self.sock.sendall(frame + body)

    def receive(self):
        """(kind, token, payload, barrier)"""
        head = self.read(13)
        body = self.read(int.from_bytes(head[:4], "big") - 9)
        barrier = bool(head[4] & 0x80)
        # The numbers of unread bytes come before the payload.
        body = body[8:] if barrier else body
        return chr(head[4] & 0x7F), int.from_bytes(head[5:13], "big"), body, barrier

    def read(self, size):
        while len(self.buffer) < size:
            more = self.sock.recv(1 << 20)
            if not more:
                raise Died(self.process.wait(PATIENCE))
            self.buffer += more
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def start(self, code, count=None, auto_display=True, flow=None):
        """Sends an execution without waiting for anything; returns its token."""
        self.token += 1
        self.count = count or self.count + 1
        self.send(
            "X",
            self.token,
            {"code": code, "count": self.count, "auto_display": auto_display, "flow": flow},
        )
        return self.token

    def finish(self, token, until=None):
        """The frames of an execution as an Answer; with `until`, stops at that output."""
        answer = Answer()
        while True:
            kind, of, body, barrier = self.receive()
            if kind == "l":
                self.log += body
                continue
            assert of == token, (kind, of, token)
            answer.add(kind, body, barrier)
            if kind == "f" or (until and until in answer.text("o")):
                return answer

    def run(self, code, **options):
        return self.finish(self.start(code, **options))

    def interrupt(self):
        os.killpg(self.process.pid, signal.SIGINT)

    def ask(self, **question):
        self.token += 1
        self.send("A", self.token, question)
        return self.answer_to("a", self.token)

    def ping(self):
        self.token += 1
        self.send("P", self.token)
        return self.answer_to("p", self.token)

    def answer_to(self, expected, token):
        while True:
            kind, of, body, _ = self.receive()
            if kind == "l":
                self.log += body
                continue
            assert (kind, of) == (expected, token), (kind, of, body)
            return json.loads(body) if body else None

    def idle(self):
        """Whether nothing at all came since the last answer."""
        return not self.buffer and not select.select([self.sock], [], [], 0)[0]

    def wait_until_it_sleeps(self):
        """Until its main thread waits in a system call."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with open("/proc/%d/stat" % self.process.pid) as file:
                if file.read().rpartition(")")[2].split()[0] == "S":
                    return
        raise AssertionError("it never waits")

    def rss(self):
        """Resident memory in KiB."""
        with open("/proc/%d/status" % self.process.pid) as file:
            return int(file.read().partition("VmRSS:")[2].split()[0])

    def close(self):
        self.sock.close()
        try:
            status = self.process.wait(PATIENCE)
        finally:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return status


class Answer:
    """What an execution sent, in its order."""

    def __init__(self):
        self.frames = []

    def add(self, kind, body, barrier):
        self.frames.append((kind, body, barrier))

    def kinds(self):
        return "".join(kind for kind, _, _ in self.frames)

    def bytes(self, wanted):
        return b"".join(body for kind, body, _ in self.frames if kind == wanted)

    def text(self, wanted):
        return self.bytes(wanted).decode("utf-8", "surrogateescape")

    def json(self, wanted):
        return [json.loads(body) for kind, body, _ in self.frames if kind == wanted]

    @property
    def stdout(self):
        return self.text("o")

    @property
    def stderr(self):
        return self.text("e")

    @property
    def end(self):
        return self.json("f")[0]

    @property
    def error(self):
        return (self.json("x") or [None])[0]

    @property
    def result(self):
        """text/plain of the result, None without one."""
        values = self.json("v")
        return values[0]["data"]["text/plain"] if values else None


class KernelTest(unittest.TestCase):
    """Each test has a child of its own, made on first use."""

    options = {}
    child_made = None

    @property
    def child(self):
        if self.child_made is None:
            self.child_made = self.start()
        return self.child_made

    def start(self, **options):
        child = Child(**options) if options else Child(self.options)
        self.addCleanup(child.close)
        return child

    def run_cell(self, code, **options):
        """Runs a cell that must succeed."""
        answer = self.child.run(code, **options)
        self.assertTrue(answer.end["success"], answer.error)
        return answer

    def fail_cell(self, code, name, **options):
        """Runs a cell that must fail with `name`; returns its error."""
        answer = self.child.run(code, **options)
        self.assertFalse(answer.end["success"])
        self.assertEqual(answer.error["name"], name, answer.error)
        return answer.error
