"""Compiles and runs one cell in the namespace of `__main__`."""

import _ast
import builtins
import sys

from . import interrupts, payload, repair, sources, streams, wire

ONLY_AST = 0x400
TOP_LEVEL_AWAIT = 0x2000
CO_COROUTINE = 0x80
FUTURES = 0x1FE0000

PLAIN = {int, float, bool, str, bytes, complex}

# Kept, because it may still be the dictionary of frames of the start-up.
bootstrap_main = sys.modules["__main__"]
namespace = {}
futures = 0


def new_namespace():
    global namespace, futures
    main = type(sys)("__main__")
    namespace = vars(main)
    futures = 0
    repair.main = sys.modules["__main__"] = main
    complete_namespace()


def complete_namespace():
    """Before each cell: without __builtins__ its frames would get ours."""
    namespace["__builtins__"] = builtins
    namespace["__name__"] = "__main__"
    namespace.setdefault("display", display)


def display(*objects, **options):
    """display(*objects, metadata=None, title=""): shows them where the output of the cell goes."""
    from . import rich

    handle = rich.display(*objects, **options)
    interrupts.checkpoint()
    return handle


def run(source, count, auto_display):
    """What the cell raised, or None. Its value, if it has one, is shown."""
    complete_namespace()
    filename = sources.name_for(count)
    sources.begin(filename, count, source)
    try:
        try:
            body, last = compile_cell(source, filename, auto_display)
        except IndentationError:
            source = without_indent(source)
            sources.begin(filename, count, source)
            body, last = compile_cell(source, filename, auto_display)
        show(evaluate(body, last))
    except BaseException as error:
        return error


def without_indent(source):
    """A cell that was cut out of indented code: the indent of its first line goes from each."""
    lines = source.splitlines(True)
    first = next(line for line in lines if line.strip())
    indent = first[: len(first) - len(first.lstrip())]
    size = len(indent)
    return "".join(line[size:] if line.startswith(indent) else line for line in lines)


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
    lines = sources.lines_of(source)[statement.end_lineno - 1 :]
    lines[0] = lines[0].encode("utf-8", "surrogatepass")[statement.end_col_offset :].decode()
    return "".join(lines).lstrip(" \t\f\\)").startswith(";")


def evaluate(body, last):
    """The value of `last`."""
    codes = [code for code in (body, last) if code is not None]
    if any(code.co_flags & CO_COROUTINE for code in codes):
        from . import awaiting

        value = awaiting.run(codes, namespace)
    else:
        value = None
        for code in codes:
            value = eval(code, namespace)
    return value if last is not None else None


def show(value):
    if value is None:
        return
    if "_" not in vars(builtins):
        namespace["_"] = value
    if type(value) in PLAIN:
        streams.rich("v", payload.dumps({"data": {"text/plain": repr(value)}}))
    else:
        from . import rich

        rich.result(value)


def close(error):
    """What must come before the last frame of a cell. Returns its error as the host gets it."""
    drop_last()
    try:
        flush_others()
    except BaseException as raised:
        if error is None:
            error = raised
    if error is None:
        return None
    try:
        from . import frames, tracebacks

        error.__traceback__ = frames.user_traceback(error)
        described = tracebacks.describe(error)
        keep_last(error)
        return described
    except BaseException as raised:
        # Out of memory or stack, or interrupted: the locals of the cell go, a short answer stays.
        error.__traceback__ = error.__context__ = None
        if isinstance(raised, KeyboardInterrupt):
            error = raised
        return bare(error)


def bare(error):
    name = type.__dict__["__name__"].__get__(type(error))
    return {"name": name, "value": "", "traceback": [name + ": "]}


def flush_others():
    """Figures, what user code has put in the place of our streams, and C's streams."""
    modules = sys.modules
    if not wire.forked and "matplotlib.pyplot" in modules:
        from . import figures

        figures.show()
    for stream, own in ((sys.stdout, streams.stdout), (sys.stderr, streams.stderr)):
        if stream is not own and hasattr(stream, "flush"):
            stream.flush()
    ctypes = modules.get("ctypes")
    if ctypes is not None:
        ctypes.CDLL(None).fflush(None)


LAST = "last_type", "last_value", "last_traceback", "last_exc"


def keep_last(error):
    """For pdb.pm() and traceback.print_last() in the next cell."""
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, error.__traceback__
    if sys.version_info >= (3, 12):
        sys.last_exc = error


def drop_last():
    for name in LAST:
        vars(sys).pop(name, None)
