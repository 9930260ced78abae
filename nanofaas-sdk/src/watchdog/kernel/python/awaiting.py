"""Top-level await: one event loop for all cells."""

import asyncio

from . import interrupts

loop = None


CO_COROUTINE = 0x80


async def evaluate(codes, namespace, interrupted):
    # All of the cell, so that the parts without `await` see the running loop as well.
    value = None
    try:
        for code in codes:
            value = eval(code, namespace)
            if code.co_flags & CO_COROUTINE:
                value = await value
    except asyncio.CancelledError as error:
        # Here the traceback still leads to the await; outside of the task it may not.
        if interrupted:
            raise KeyboardInterrupt().with_traceback(error.__traceback__) from None
        raise
    return value


def run(codes, namespace):
    """The value of the last of the codes."""
    global loop
    if loop is None or loop.is_closed():
        loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    interrupted = []
    task = loop.create_task(evaluate(codes, namespace, interrupted))

    def cancel(frame):
        """Whether the interrupt becomes a cancellation: while no code of the user runs."""
        if frame.f_globals.get("__name__", "").partition(".")[0] not in ("asyncio", "selectors"):
            return False
        interrupted.append(True)
        task.cancel()
        loop.call_soon_threadsafe(lambda: None)
        return True

    interrupts.cancel = cancel
    try:
        return loop.run_until_complete(task)
    except BaseException:
        if not task.done():
            task.cancel()
            loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        raise
    finally:
        interrupts.cancel = None
