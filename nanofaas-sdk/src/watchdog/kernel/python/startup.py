"""Runs the `*.py` files of the workspace folder in the namespace of `__main__`; tells which failed."""

import os
import sys

from . import cell, forks, repair, streams, wire


def run(folder):
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    # For modules of its own, whose names may begin with `_`.
    sys.path.append(os.path.abspath(folder))
    failed = []
    for name in names:
        path = os.path.join(folder, name)
        if name.endswith(".py") and not name.startswith("_") and os.path.isfile(path):
            if not run_file(path):
                failed.append(name)
    return failed


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
    return error is None


def report(path, error):
    from . import tracebacks

    try:
        text = "\n".join(part.rstrip("\n") for part in tracebacks.entries(error))
    except BaseException:
        text = tracebacks.name_of(error)
    sys.stderr.write("start-up file %s failed and is skipped:\n%s\n" % (path, text))
