"""Compiles and runs one cell in the namespace of `__main__`."""

import sys

import _ast

from . import repair, sources, streams, wire

ONLY_AST = 0x400
TOP_LEVEL_AWAIT = 0x2000
CO_COROUTINE = 0x80
FUTURES = 0x1FF0000

PLAIN = {int, float, bool, str, bytes, complex}

# Kept, because it may still be the dictionary of frames of the start-up.
bootstrap_main = sys.modules["__main__"]
namespace = {}
futures = 0


def new_namespace():
    global namespace, futures
    main = type(sys)("__main__")
    namespace = vars(main)
    namespace["__builtins__"] = sys.modules["builtins"]
    namespace["display"] = display
    futures = 0
    repair.main = sys.modules["__main__"] = main


def display(*objects, **options):
    """display(*objects, metadata=None, title=""): shows them where the output of the cell goes."""
    from . import rich

    rich.display(*objects, **options)


def run(source, count, auto_display):
    """What the cell raised, or None. Its value, if it has one, is shown."""
    filename = sources.name_for(count)
    sources.begin(filename, count, source)
    try:
        body, last = compile_cell(source, filename, auto_display)
        if body is not None:
            evaluate(body)
        if last is not None:
            show(evaluate(last))
    except BaseException as error:
        return error


def compile_cell(source, filename, auto_display):
    global futures
    flags = TOP_LEVEL_AWAIT | futures
    tree = compile(source, filename, "exec", ONLY_AST | flags, True)
    statements = tree.body
    last = None
    if auto_display and statements and type(statements[-1]) is _ast.Expr:
        if not is_suppressed(source, statements[-1]):
            last = statements.pop()
    body = None
    if statements:
        body = compile(tree, filename, "exec", flags, True)
        futures |= body.co_flags & FUTURES
        sources.keep(filename, body)
    if last is not None:
        expression = _ast.Expression(last.value)
        last = compile(expression, filename, "eval", flags | futures, True)
        sources.keep(filename, last)
    return body, last


def is_suppressed(source, statement):
    """Whether a semicolon follows the last expression."""
    if ";" not in source:
        return False
    lines = source.splitlines()[statement.end_lineno - 1 :]
    lines[0] = lines[0].encode("utf-8", "surrogatepass")[statement.end_col_offset :].decode()
    return "".join(lines).lstrip(" \t\f\\)").startswith(";")


def evaluate(code):
    if code.co_flags & CO_COROUTINE:
        from . import awaiting

        return awaiting.run(eval(code, namespace))
    return eval(code, namespace)


def show(value):
    if value is None:
        return
    if "_" not in vars(sys.modules["builtins"]):
        namespace["_"] = value
    if type(value) in PLAIN:
        bundle = {"text/plain": repr(value)}
    else:
        from . import rich

        bundle = rich.bundle(value)
    result(bundle)


def result(bundle):
    from . import payload

    streams.rich("v", payload.dumps({"data": bundle}))


def close(error):
    """Ends the cell: what must come before its last frame. Returns the error as told to the host."""
    if error is None:
        return None
    from . import tracebacks

    described = tracebacks.describe(error)
    return described
