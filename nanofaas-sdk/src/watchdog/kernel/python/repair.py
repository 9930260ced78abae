"""What code of a cell may have broken is put right before and after each cell."""

import builtins
import sys

from . import interrupts, streams, wire

LEAST_RECURSION = sys.getrecursionlimit()
# Seconds: a thread that computes must let this one have its turn.
LONGEST_SWITCH = 0.1

saved_builtins = dict(vars(builtins))
saved_modules = {}
saved_functions = {}
hooks = sys.displayhook, sys.excepthook
modules = sys.modules
finders = []
main = None


def remember():
    """Call when start-up is through: these modules must be there for the rest of the process."""
    saved_modules.update(modules)
    del saved_modules["__main__"]
    finders[:] = sys.meta_path


def before_cell():
    wire.reopen_pipes()
    streams.install()
    sys.displayhook, sys.excepthook = hooks
    sys.modules["__main__"] = main
    interrupts.install()
    interpreter()


def after_cell():
    """Only what this package itself needs to answer."""
    interpreter()


def interpreter():
    if sys.gettrace() is not None:
        sys.settrace(None)
    if sys.getprofile() is not None:
        sys.setprofile(None)
    if sys.getrecursionlimit() < LEAST_RECURSION:
        sys.setrecursionlimit(LEAST_RECURSION)
    if sys.getswitchinterval() > LONGEST_SWITCH:
        sys.setswitchinterval(LONGEST_SWITCH)
    put_back(saved_builtins, vars(builtins))
    if sys.modules is not modules:
        sys.modules = modules
    put_back(saved_modules, modules)
    if modules["builtins"] is not builtins:
        modules["builtins"] = builtins
    linecache()
    if finders[0] not in sys.meta_path:
        sys.meta_path[:0] = [finder for finder in finders if finder not in sys.meta_path]


def put_back(saved, present):
    if not saved.keys() <= present.keys():
        for name, value in saved.items():
            present.setdefault(name, value)


def linecache():
    """Our tracebacks, and those that user code prints, read sources through it."""
    module = modules.get("linecache")
    if module is None:
        return
    if "linecache" not in saved_functions:
        saved_functions["linecache"] = dict(vars(module))
    put_back(saved_functions["linecache"], vars(module))
    if type(getattr(module, "cache", None)) is not dict:
        module.cache = {}
    if not callable(module.getlines):
        vars(module).update(saved_functions["linecache"])
        module.cache = {}
