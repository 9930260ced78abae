"""Forked children and os._exit."""

import os

from . import streams, wire

leave = os._exit


def install():
    os.register_at_fork(after_in_child=in_child)
    os._exit = flush_and_exit


def in_child():
    wire.leave_to_parent()
    streams.leave_to_parent()


def flush_and_exit(status):
    # Another thread may hold the lock for as long as the host does not read.
    if wire.lock.acquire(timeout=1):
        try:
            streams.flush()
        finally:
            wire.lock.release()
    leave(status)


def child_is_done(success):
    """A child that user code has forked came back out of its cell: it must not go on as a kernel."""
    try:
        streams.flush()
    finally:
        leave(0 if success else 1)
