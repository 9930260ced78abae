"""sys.stdout, sys.stderr and sys.stdin of user code.

One buffer serves both streams, so that what is printed keeps its order. Text waits in it for a
newline, for `LARGE` characters, for another stream or for the end of the cell.
"""

import io
import os
import sys
from _thread import get_ident

from . import interrupts, wire

LARGE = 8192
FRAME = 65536

running = 0
started_in = {}  # thread -> token of the execution that started it
room = {}  # kind -> bytes that may still be sent
limit = 10 * 1024 * 1024
truncated = set()

buffered = []
buffered_for = None
size = 0


def begin(token):
    global running
    flush()
    truncated.clear()
    for kind in "oer":
        room[kind] = limit
    running = token


def end():
    global running
    flush()
    running = 0


def write(kind, text):
    global buffered_for, size
    with wire.lock:
        target = kind, started_in.get(get_ident(), running)
        if target != buffered_for:
            flush()
            buffered_for = target
        buffered.append(text)
        size += len(text)
        if size >= LARGE or "\n" in text:
            flush()


def write_bytes(kind, data):
    with wire.lock:
        flush()
        token = started_in.get(get_ident(), running)
        data = memoryview(data).cast("B")
        for start in range(0, len(data), FRAME):
            if not emit(kind, token, bytes(data[start : start + FRAME])):
                break


def flush():
    global size
    with wire.lock:
        if not buffered:
            return
        kind, token = buffered_for
        text = buffered[0] if len(buffered) == 1 else "".join(buffered)
        del buffered[:]
        size = 0
        # A character takes at most four bytes: a piece is never longer than a frame may be, and
        # a huge text is neither copied nor encoded beyond the limit.
        step = FRAME if text.isascii() else FRAME // 4
        if len(text) <= step:
            emit(kind, token, encode(text))
            return
        for start in range(0, len(text), step):
            if not emit(kind, token, encode(text[start : start + step])):
                break


def encode(text):
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def emit(kind, token, data):
    """Sends what the limit allows; False when the limit is reached."""
    if wire.forked:
        write_all(1 if kind == "o" else 2, data)
        return True
    if not token or token != running:
        if data:
            wire.send("l", 0, data)
        return True
    left = room[kind]
    if len(data) > left:
        truncated.add(kind)
        while left and data[left] & 0xC0 == 0x80:
            left -= 1
        data = data[:left]
        room[kind] = 0
    else:
        room[kind] = left - len(data)
    if data:
        wire.send(kind, token, data)
    return kind not in truncated


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data) :]


class Bytes(io.RawIOBase):
    """`sys.stdout.buffer`."""

    def __init__(self, kind, fd):
        self.kind, self.fd, self.name, self.mode = kind, fd, fd, "wb"

    def write(self, data):
        write_bytes(self.kind, data)
        if interrupts.pending:
            interrupts.checkpoint()
        return memoryview(data).nbytes

    def flush(self):
        flush()
        if interrupts.pending:
            interrupts.checkpoint()

    def writable(self):
        return True

    def fileno(self):
        return self.fd

    def close(self):
        pass


class Output(io.TextIOBase):
    encoding = "utf-8"
    errors = "surrogateescape"
    line_buffering = True
    write_through = False
    mode = "w"

    def __init__(self, kind, fd, name):
        self.kind, self.name = kind, name
        self.buffer = Bytes(kind, fd)

    def write(self, text):
        if type(text) is not str:
            if not isinstance(text, str):
                name = type(text).__name__
                raise TypeError("write() argument must be str, not " + name)
            text = str.__str__(text)
        if text:
            write(self.kind, text)
        if interrupts.pending:
            interrupts.checkpoint()
        return len(text)

    def flush(self):
        flush()
        if interrupts.pending:
            interrupts.checkpoint()

    def writable(self):
        return True

    def fileno(self):
        return self.buffer.fd

    def reconfigure(self, **options):
        pass

    def close(self):
        pass


class Input(io.TextIOBase):
    """Always at its end: nobody sits at the other side."""

    encoding = "utf-8"
    errors = "strict"
    mode = "r"
    name = "<stdin>"
    buffer = io.BytesIO()

    def read(self, size=-1):
        return ""

    def readline(self, size=-1):
        return ""

    def readable(self):
        return True

    def fileno(self):
        return 0

    def close(self):
        pass


stdout = Output("o", 1, "<stdout>")
stderr = Output("e", 2, "<stderr>")
stdin = Input()


def install():
    sys.stdout = sys.__stdout__ = stdout
    sys.stderr = sys.__stderr__ = stderr
    sys.stdin = sys.__stdin__ = stdin


def leave_to_parent():
    """In a forked child: what the parent has not sent yet is the parent's."""
    global size
    del buffered[:]
    size = 0


def rich(kind, payload):
    """A display or result frame; beyond the limit a note in its place."""
    if wire.forked:
        return
    with wire.lock:
        flush()
        token = started_in.get(get_ident(), running)
        if not token or token != running:
            return
        left = room["r"] - len(payload)
        if left < 0:
            truncated.add("r")
            note = "[output of %d bytes left out: the limit is reached]" % len(payload)
            payload = b'{"data":{"text/plain":"%s"}' % note.encode("ascii")
            payload += b',"title":""}' if kind == "d" else b"}"
        else:
            room["r"] = left
        wire.send(kind, token, payload)
