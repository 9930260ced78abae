"""Runs a Python handler for the watchdog: a line of JSON on stdin per call, one on fd 3 per answer.

Started as `python3 -c`, with HANDLER_FILE, HANDLER_FUNCTION and, for a module of a package,
HANDLER_ROOT and HANDLER_MODULE in the environment. Imports are most of a worker's start, so there
are next to none.
"""

import os
import sys

if sys.version_info < (3, 8):
    sys.exit("handlers in Python need 3.8 or newer, this is " + sys.version.split()[0])
ANSWERS = 3
# What the environment holds during a call, by the request's name of it.
IDS = (("execution_id", "EXECUTION_ID"), ("trace_id", "TRACE_ID"))
CO_COROUTINE = 0x80
event_loop = None


def take_requests():
    """Moves the requests to a descriptor of our own, and leaves an empty stdin to the handler."""
    null = os.open(os.devnull, os.O_RDWR)
    requests = os.dup(0)
    os.dup2(null, 0)
    os.set_inheritable(ANSWERS, False)

    def forget():
        # A forked child that returns from the handler must not answer the call, nor take the next.
        os.dup2(null, requests, inheritable=False)
        os.dup2(null, ANSWERS, inheritable=False)

    os.register_at_fork(after_in_child=forget)
    return open(requests, "rb", 65536)


def make_codec():
    """`loads` and `dumps` for strict JSON."""
    try:
        # The json package imports re, which takes half as long as the interpreter; its core none.
        from _json import encode_basestring, make_encoder, make_scanner

        rules = type("Rules", (), {"object_hook": None, "object_pairs_hook": None, "strict": True})
        rules.parse_float, rules.parse_int, rules.parse_constant = float, int, float
        scan = make_scanner(rules)
        encode = make_encoder(None, refuse, encode_basestring, None, ":", ",", False, False, False)
    except (ImportError, AttributeError, TypeError):
        import json

        options = dict(ensure_ascii=False, check_circular=False, allow_nan=False)
        encoder = json.JSONEncoder(separators=(",", ":"), **options)
        return json.loads, encoder.encode
    return lambda text: scan(text, 0)[0], lambda value: "".join(encode(value, 0))


def refuse(value):
    raise TypeError("a %s is not JSON" % type(value).__name__)


def misfits(value, path):
    """What is not JSON in a value, and where."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key is not None and not isinstance(key, (str, int, float)):
                yield "%s has a key that is a %s" % (path, type(key).__name__)
            yield from misfits(item, "%s[%r]" % (path, key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from misfits(item, "%s[%d]" % (path, index))
    elif isinstance(value, float):
        if value - value != 0:
            yield "%s is %r" % (path, value)
    elif value is not None and not isinstance(value, (str, int)):
        yield "%s is a %s" % (path, type(value).__name__)


def encode(result, dumps):
    try:
        text = dumps(result)
    except RecursionError:
        raise TypeError(
            "the result is not JSON: it is nested too deeply, or contains itself"
        ) from None
    except (TypeError, ValueError) as error:
        reason = next(misfits(result, "result"), error)
        raise TypeError("the result is not JSON: %s" % reason) from None
    if isinstance(result, dict) and len(result) == 1 and "error" in result:
        # As it is, it would mean that the call failed.
        return '{"__nanofaas_envelope__":true,"output":%s}' % text
    return text


def loop():
    """One for all calls of an async handler: the connections it keeps are bound to their loop."""
    global event_loop
    if event_loop is None:
        import asyncio

        if sys.version_info < (3, 10):
            # There, a lock or a queue made during the import is bound to the default loop.
            event_loop = asyncio.get_event_loop()
        else:
            event_loop = asyncio.new_event_loop()
            asyncio.set_event_loop(event_loop)
    return event_loop


def load():
    """The handler, imported as its file's folder or HANDLER_ROOT sees it."""
    file = os.environ["HANDLER_FILE"]
    function = os.environ.get("HANDLER_FUNCTION") or "handle"
    root, name = os.environ.get("HANDLER_ROOT"), os.environ.get("HANDLER_MODULE")
    if not root:
        root, name = os.path.dirname(file), os.path.splitext(os.path.basename(file))[0]
    sys.argv[:] = [file]
    # Without the working directory, which `-c` puts there.
    sys.path[:] = [root] + [path for path in sys.path if path]
    if os.path.dirname(file) != root:
        # The files beside it, as for any script.
        sys.path.insert(1, os.path.dirname(file))
    try:
        __import__(name)
    except BaseException as error:
        report(error)
        sys.exit(1)
    module = sys.modules[name]
    place = getattr(module, "__file__", None)
    if not place or not os.path.samefile(place, file):
        sys.exit("%s is not what %r imports, %r is: give it another name" % (file, name, module))
    handle = getattr(module, function, None)
    if not callable(handle):
        sys.exit("%s has no function %r; HANDLER_FUNCTION names another" % (file, function))
    return handle


def report(error):
    """Writes the traceback to the log, without the lines of this program."""
    trace = error.__traceback__
    while trace and trace.tb_frame.f_globals is globals():
        trace = trace.tb_next
    sys.__excepthook__(type(error), error.with_traceback(trace), trace)


def message(error):
    try:
        if isinstance(error, SystemExit):
            return "the handler called sys.exit(%r)" % (error.code,)
        return str(error) or type(error).__name__
    except Exception:
        return type(error).__name__


def invoke(handle, call, dumps):
    for key, variable in IDS:
        if key in call:
            os.environ[variable] = call[key]
    result = handle(call["value"])
    if hasattr(result, "__await__"):
        result = loop().run_until_complete(result)
    return encode(result, dumps)


def send(text):
    # What a call printed leaves before its answer. The handler may have closed a stream.
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    # Half a surrogate pair, which Python can hold and UTF-8 cannot, becomes a `?`.
    line = memoryview((text + "\n").encode(errors="replace"))
    while line:
        line = line[os.write(ANSWERS, line) :]


def main():
    requests = take_requests()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    loads, dumps = make_codec()
    handle = load()
    if getattr(getattr(handle, "__code__", None), "co_flags", 0) & CO_COROUTINE:
        # The first call need not wait for it.
        loop()
    send('{"ok":true}')
    for line in requests:
        if not line.endswith(b"\n"):
            break
        try:
            text = invoke(handle, loads(line.decode()), dumps)
        except BaseException as error:
            report(error)
            text = dumps({"error": message(error)})
        send(text)
        for _, variable in IDS:
            os.environ.pop(variable, None)


main()
