"""The watchdog's side of the line protocol: starts a launcher and speaks lines with it."""

import fcntl
import json
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest

SOURCES = pathlib.Path(__file__).resolve().parents[2] / "nanofaas-sdk/src/watchdog/worker"
PYTHON = os.environ.get("PYTHON", sys.executable)
NODE = os.environ.get("NODE", "node")
# Only for a child that hangs: no test waits this long.
PATIENCE = 20
# Keeps our own fd 3 taken: nothing that subprocess needs may be where the child's answers go.
TAKEN = os.open(os.devnull, os.O_RDONLY)


def python_launcher(prelude=""):
    return [PYTHON, "-c", prelude + (SOURCES / "launcher.py").read_text()]


def node_launcher():
    return [NODE, "--input-type=module", "-e", (SOURCES / "launcher.mjs").read_text()]


class Pipe(threading.Thread):
    """Collects what the child logs."""

    def __init__(self, file):
        super().__init__(daemon=True)
        self.file = file
        self.data = b""
        self.changed = threading.Condition()
        self.start()

    def run(self):
        while True:
            more = os.read(self.file.fileno(), 65536)
            with self.changed:
                self.data += more
                self.changed.notify_all()
            if not more:
                self.file.close()
                return

    def wait_for(self, text):
        with self.changed:
            if not self.changed.wait_for(lambda: text.encode() in self.data, PATIENCE):
                raise AssertionError("%r did not come, only %r" % (text, self.data))

    def text(self):
        """All of it, once the child ended."""
        self.join(PATIENCE)
        return self.data.decode()


class Worker:
    def __init__(self, command, env, cwd, ack=True):
        self.answers, theirs = os.pipe()

        # Without PYTHONUNBUFFERED and its like, which do what the launcher should.
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
        }

        # pass_fds alone keeps the number.
        def move_to_3():
            os.dup2(theirs, 3)

        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[3],
            preexec_fn=move_to_3,
            env={**inherited, "__OW_WAIT_FOR_ACK": "1", **env},
            cwd=cwd,
        )
        os.close(theirs)
        self.stdout, self.stderr = Pipe(self.process.stdout), Pipe(self.process.stderr)
        self.buffer = b""
        if ack:
            line = self.read_line()
            assert line and json.loads(line) == {"ok": True}, line

    def send(self, value, **beside):
        self.write(json.dumps({"value": value, **beside}, ensure_ascii=False).encode() + b"\n")

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def read_line(self):
        """The next line on fd 3, or what there is before its end."""
        parts = [self.buffer]
        while b"\n" not in parts[-1]:
            if not select.select([self.answers], [], [], PATIENCE)[0]:
                raise AssertionError("no answer, only %r" % b"".join(parts)[:200])
            more = os.read(self.answers, 1 << 20)
            if not more:
                self.buffer = b""
                return b"".join(parts)
            parts.append(more)
        line, newline, self.buffer = b"".join(parts).partition(b"\n")
        return line + newline

    def call(self, value, **beside):
        self.send(value, **beside)
        return json.loads(self.read_line())

    def idle(self):
        """Whether nothing at all came since the last answer."""
        return not self.buffer and not select.select([self.answers], [], [], 0)[0]

    def wait_until_full(self):
        """Until fd 3 takes no more."""
        size = fcntl.fcntl(self.answers, 1032)  # F_GETPIPE_SZ
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            waiting = fcntl.ioctl(self.answers, termios.FIONREAD, bytes(4))
            if int.from_bytes(waiting, sys.byteorder) == size:
                return
        raise AssertionError("it is never full")

    def status(self):
        return self.process.wait(PATIENCE)

    def end(self):
        """Closes its stdin; returns its status."""
        self.process.stdin.close()
        return self.status()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.stdout.join(PATIENCE)
        self.stderr.join(PATIENCE)
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        os.close(self.answers)


class LauncherTest(unittest.TestCase):
    """Each test writes a handler to a folder of its own and starts workers there."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def launch(self, command, file, env=None, ack=True, cwd=None):
        env = {"HANDLER_FILE": str(self.folder / file), "HANDLER_FUNCTION": "handle", **(env or {})}
        worker = Worker(command, env, str(cwd or self.folder), ack)
        self.addCleanup(worker.close)
        return worker
