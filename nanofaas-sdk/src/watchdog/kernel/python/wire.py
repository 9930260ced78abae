"""Frames on fd 3: length (4 bytes), kind (1), token (8), payload.

A signal handler of user code may raise at any moment, also in here. What recv and send return is
therefore put into a list by C code (`list.extend(map(...))`): no byte is lost or sent twice.
"""

import _socket
import os
from _thread import RLock
from fcntl import ioctl
from sys import byteorder

from . import payload

try:
    from termios import FIONREAD
except ImportError:
    FIONREAD = 0x541B

FD = 3
BARRIER = 0x80
S_IFMT, S_IFIFO = 0o170000, 0o010000

lock = RLock()
sock = None
identity = None
forked = False
pipes = []
inbox = []
outbox = []


def open_socket():
    global sock, identity
    sock = _socket.socket(fileno=FD)
    identity = file_of(FD)
    for fd in (1, 2):
        try:
            if os.fstat(fd).st_mode & S_IFMT == S_IFIFO:
                pipes.append((fd, os.dup(fd), file_of(fd)))
        except OSError:
            pass


def file_of(fd):
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def reopen_pipes():
    """Puts fd 1 and 2 back where they were, if code has closed or replaced them."""
    for fd, own, file in pipes:
        if file_of(fd) != file:
            os.dup2(own, fd)


def unread_output():
    """How many bytes stand in the pipes of fd 1 and 2, each as 4 bytes; empty where there are none."""
    counts = [b"\0\0\0\0", b"\0\0\0\0"]
    for fd, own, _ in pipes:
        unread = ioctl(own, FIONREAD, b"\0\0\0\0")
        counts[fd - 1] = int.from_bytes(unread, byteorder).to_bytes(4, "big")
    counts = b"".join(counts)
    return counts if any(counts) else b""


def lost(what, error):
    die("fd 3, the connection to the watchdog, was lost: %s: %s" % (what, error))


def die(reason):
    """Where nobody can be told anything any more, the reason goes to fd 2."""
    text = "kernel: %s\n" % reason
    stderr = [own for fd, own, _ in pipes if fd == 2] or [2]
    try:
        os.write(stderr[0], text.encode("utf-8", "replace"))
    finally:
        os._exit(1)


def check():
    if not forked and file_of(FD) != identity:
        lost("check", "it was closed or replaced")


def queue(kind, token, body=b""):
    """Adds a frame to the outbox; drain() sends it. Hold the lock."""
    code = ord(kind)
    counts = unread_output()
    if counts:
        code |= BARRIER
        body = counts + body
    head = (len(body) + 9).to_bytes(4, "big") + bytes((code,)) + token.to_bytes(8, "big")
    outbox.append((head + body, []))


def drain():
    while outbox:
        frame, sent = outbox[0]
        done = sum(sent)
        if done == len(frame):
            del outbox[0]
            continue
        try:
            sent.extend(map(sock.send, (memoryview(frame)[done:] if done else frame,)))
        except OSError as error:
            if error.__traceback__.tb_next is None:
                lost("send", error)
            raise


def send(kind, token, body=b""):
    if forked:
        return
    with lock:
        queue(kind, token, body)
        drain()


def send_json(kind, token, value):
    send(kind, token, payload.dumps(value))


def receive():
    """The next frame as (kind, token, payload). The end of the stream ends the process."""
    while True:
        have = sum(map(len, inbox))
        if have >= 13:
            if len(inbox[0]) < 13:
                inbox[:] = [b"".join(inbox)]
            size = 4 + int.from_bytes(inbox[0][:4], "big")
            if have >= size:
                data = inbox[0] if len(inbox) == 1 else b"".join(inbox)
                inbox[:] = [data[size:]] if len(data) > size else []
                return chr(data[4]), int.from_bytes(data[5:13], "big"), data[13:size]
        try:
            inbox.extend(map(sock.recv, (65536,)))
        except OSError as error:
            if error.__traceback__.tb_next is None:
                lost("recv", error)
            raise
        if not inbox[-1]:
            os._exit(0)


def leave_to_parent():
    """In a forked child: the connection belongs to the parent."""
    global forked, lock
    forked = True
    lock = RLock()
    del outbox[:], inbox[:]
    sock.detach()
    try:
        os.close(FD)
    except OSError:
        pass
