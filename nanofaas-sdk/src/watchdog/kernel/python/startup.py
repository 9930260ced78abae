"""Runs the `*.py` files of the workspace folder in the namespace of `__main__`."""

import os
import sys

from . import cell, forks, repair, streams, wire


def run(folder):
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        path = os.path.join(folder, name)
        if name.endswith(".py") and not name.startswith("_") and os.path.isfile(path):
            run_file(path)


def run_file(path):
    repair.before_cell()
    error = None
    cell.namespace["__file__"] = path
    try:
        with open(path, "rb") as file:
            source = file.read()
        exec(compile(source, path, "exec", 0, True), cell.namespace)
    except BaseException as raised:
        error = raised
    cell.namespace.pop("__file__", None)
    repair.after_cell()
    if wire.forked:
        forks.child_is_done(error)
    if error is not None:
        report(path, error)
    streams.flush()


def report(path, error):
    from . import tracebacks

    try:
        text = "\n".join(part.rstrip("\n") for part in tracebacks.entries(error))
    except BaseException:
        text = tracebacks.name_of(error)
    sys.stderr.write("start-up file %s failed and is skipped:\n%s\n" % (path, text))
