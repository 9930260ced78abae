"""SIGINT is a KeyboardInterrupt of the running cell, and of nothing else.

While code of this package runs on behalf of the cell (a print sends a frame), raising would break
that work: the signal is delivered again a moment later. Between cells it is dropped.
"""

import _signal
import _thread
from time import sleep

AGAIN_AFTER = 0.001

armed = 0  # number of the running cell; 0: none runs
cells = 0
redelivery = _thread.allocate_lock()
main_thread = _thread.get_ident()
ours = __builtins__
# A running coroutine is cancelled instead, see awaiting.py.
cancel = None
start_thread = _thread.start_new_thread


def install():
    _signal.signal(_signal.SIGINT, on_signal)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (_signal.SIGINT,))


def arm():
    global armed, cells
    cells += 1
    armed = cells


def disarm():
    # The lock: a signal that is about to be delivered again is sent before, so it finds no cell.
    global armed, cancel
    with redelivery:
        armed = 0
        cancel = None


def on_signal(signum, frame):
    if not armed:
        return
    if frame is None or frame.f_builtins is ours:
        start_thread(deliver_again, (armed,))
    elif cancel is None or not cancel(frame):
        raise KeyboardInterrupt


def deliver_again(cell):
    sleep(AGAIN_AFTER)
    with redelivery:
        if armed == cell:
            _signal.pthread_kill(main_thread, _signal.SIGINT)


def in_child():
    """In a forked child: the thread that forked is the main thread."""
    global main_thread, redelivery
    main_thread = _thread.get_ident()
    redelivery = _thread.allocate_lock()
