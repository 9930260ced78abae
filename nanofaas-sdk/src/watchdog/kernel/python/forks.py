"""Forked children and os._exit."""

import os

from . import interrupts, streams, wire

leave = os._exit


def install():
    os.register_at_fork(after_in_child=in_child)
    os._exit = flush_and_exit


def in_child():
    wire.leave_to_parent()
    streams.leave_to_parent()
    interrupts.in_child()


def flush_and_exit(status):
    # Another thread may hold the lock for as long as the host does not read.
    if wire.lock.acquire(timeout=1):
        try:
            streams.flush()
        finally:
            wire.lock.release()
    leave(status)


def child_is_done(error):
    """A child that user code has forked came out of its cell: it must not go on as a kernel."""
    status = 0 if error is None else 1
    try:
        if isinstance(error, SystemExit):
            status = 0 if error.code is None else error.code if type(error.code) is int else 1
        elif error is not None:
            from . import tracebacks

            streams.stderr.write("\n".join(tracebacks.entries(error)) + "\n")
        streams.flush()
    finally:
        leave(status & 0xFF)
