"""Threads print for the execution that started them."""

import _thread
import sys

from . import streams


def attribute():
    for name in ("start_new_thread", "start_joinable_thread"):
        start = getattr(_thread, name, None)
        if start is None:
            continue
        inheriting = inherit(start)
        setattr(_thread, name, inheriting)
        # threading keeps its own reference, taken when it is imported.
        threading = sys.modules.get("threading")
        if hasattr(threading, "_" + name):
            setattr(threading, "_" + name, inheriting)


def inherit(start):
    def start_thread(function, *args, **kwargs):
        token = streams.started_in.get(_thread.get_ident(), streams.running)
        if callable(function):
            function = carry(function, token)
        return start(function, *args, **kwargs)

    start_thread.__name__ = start.__name__
    start_thread.__doc__ = start.__doc__
    return start_thread


def carry(function, token):
    def run(*args, **kwargs):
        streams.started_in[_thread.get_ident()] = token
        try:
            return function(*args, **kwargs)
        finally:
            streams.flush()
            streams.started_in.pop(_thread.get_ident(), None)

    return run
