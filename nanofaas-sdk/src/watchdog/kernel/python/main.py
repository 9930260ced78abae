"""Talks to the watchdog: hello, init, then one execution or question after the other."""

import gc
import sys

from . import cell, forks, imports, interrupts, payload, repair, streams, threads, wire

flow_api = None
finishing = None


# How often memory may run out between two cells before the process is not worth keeping.
MOST_FAILURES = 3
failures = 0


def run():
    wire.open_socket()
    streams.install()
    interrupts.install()
    forks.install()
    threads.attribute()
    imports.install()
    cell.new_namespace()
    sys.argv = [""]
    version = "%d.%d.%d" % sys.version_info[:3]
    # What is there by now stays: no collection needs to look at it.
    gc.freeze()
    gc.enable()
    wire.send_json("h", 0, {"version": version})
    while True:
        try:
            serve()
        except BaseException:
            # A handler of user code raised while recover() dealt with what another one raised.
            continue


def serve():
    global failures
    while True:
        try:
            answer(*wire.receive())
            failures = 0
        except BaseException as error:
            failures += isinstance(error, MemoryError)
            if failures > MOST_FAILURES:
                # The host starts a new one.
                wire.die("there is no memory left for its own work")
            recover(error)


def answer(kind, token, body):
    if kind == "X":
        execute(token, payload.loads(body.decode()))
    elif kind == "P":
        wire.send("p", token)
    elif kind == "A":
        wire.send_json("a", token, ask(payload.loads(body.decode())))
    elif kind == "I":
        failed = init(payload.loads(body.decode()))
        wire.send_json("r", 0, {"failed": failed})


def init(options):
    global flow_api
    streams.limit = options.get("output_limit") or streams.limit
    if options.get("memory_limit"):
        import resource

        limit, hard = options["memory_limit"], resource.getrlimit(resource.RLIMIT_AS)[1]
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    if options.get("api") == "flowfile":
        from . import flowfile as flow_api

        flow_api.install(cell.namespace)
    repair.remember()
    if options.get("workspace"):
        from . import startup

        return startup.run(options["workspace"])
    return []


def execute(token, request):
    global finishing
    finishing = token
    flow = request.get("flow") if flow_api else None
    repair.before_cell()
    streams.begin(token)
    described = outcome = error = None
    interrupts.arm()
    try:
        if flow_api:
            flow_api.install(cell.namespace)
        if flow:
            flow_api.begin(flow)
        error = cell.run(request["code"], request["count"], request["auto_display"])
        interrupts.hold_others()
        repair.after_cell()
        if wire.forked:
            forks.child_is_done(error)
        described = cell.close(error)
        if flow:
            outcome = flow_api.end(described is None)
    except BaseException as late:
        repair.after_cell()
        described = described or cell.bare(late)
    interrupts.hold_others()
    interrupts.disarm()
    error = None
    finish(token, described, outcome)
    interrupts.release_others()


def finish(token, error, flow):
    global finishing
    with wire.lock:
        streams.end()
        if error is not None:
            wire.queue("x", token, payload.dumps(error))
        end = {
            "success": error is None,
            "stdout_truncated": "o" in streams.truncated,
            "stderr_truncated": "e" in streams.truncated,
            "rich_truncated": "r" in streams.truncated,
            "flow": flow,
        }
        finishing = None
        wire.check()
        wire.queue("f", token, payload.dumps(end))
        wire.drain()


def ask(question):
    answer = {"artifacts": {}, "removed": []}
    if question["op"] == "clear_namespace":
        cell.new_namespace()
        if flow_api:
            flow_api.install(cell.namespace)
    elif flow_api:
        try:
            answer.update(flow_api.ask(question))
        except BaseException as error:
            # The host waits for an answer.
            recover(error)
    return answer


def recover(error):
    """Only a signal handler of user code raises out of answer(), or a mistake of this package."""
    global finishing
    streams.end()
    try:
        from . import tracebacks

        text = "\n".join(tracebacks.describe(error)["traceback"])
    except BaseException as again:
        text = "%r while handling %r" % (type(again), type(error))
    wire.send("l", 0, text.encode("utf-8", "replace") + b"\n")
    if wire.forked:
        forks.leave(1)
    token, finishing = finishing, None
    if token is not None:
        interrupts.disarm()
        finish(token, cell.bare(error), None)
    if interrupts.held is not None:
        interrupts.release_others()
