"""What code of a cell may have broken is put right before and after each cell."""

import builtins
import sys

from . import interrupts, streams, wire

LEAST_RECURSION = sys.getrecursionlimit()

saved_builtins = dict(vars(builtins))
saved_modules = {}
hooks = sys.displayhook, sys.excepthook
finder = sys.meta_path[0]
main = None


def remember():
    """Call when start-up is through: these modules must be there for the rest of the process."""
    saved_modules.update(sys.modules)
    del saved_modules["__main__"]


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
    present = vars(builtins)
    if not saved_builtins.keys() <= present.keys():
        for name, value in saved_builtins.items():
            present.setdefault(name, value)
    modules = sys.modules
    if not saved_modules.keys() <= modules.keys():
        for name, module in saved_modules.items():
            modules.setdefault(name, module)
    if finder not in sys.meta_path:
        sys.meta_path.insert(0, finder)
