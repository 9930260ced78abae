"""SIGINT is a KeyboardInterrupt of the running cell, and of nothing else.

While code of this package runs on behalf of the cell (a print sends a frame), raising would break
that work: it is left to checkpoint(), at the end of that work. As the signal may come between the
checkpoint and the return to user code, it is delivered again a moment later. Between cells it is
dropped.
"""

import _signal
import _thread
from time import sleep

AGAIN_AFTER = 0.001

OTHERS = set(_signal.valid_signals()) - {_signal.SIGINT}

held = None  # the signal mask of user code, while others are held
armed = 0  # number of the running cell; 0: none runs
pending = 0  # the cell that has an interrupt coming
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
    global armed, pending, cancel
    with redelivery:
        armed = pending = 0
        cancel = None


def hold_others():
    """Handlers of user code for other signals must not raise while a cell is being finished."""
    global held
    if held is None:
        held = _signal.pthread_sigmask(_signal.SIG_BLOCK, OTHERS)


def release_others():
    global held
    mask, held = held, None
    _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)


def on_signal(signum, frame):
    global pending
    if not armed:
        return
    if frame is None or frame.f_builtins is ours:
        pending = armed
        try:
            start_thread(deliver_again, (armed,))
        except RuntimeError:  # no memory for a thread: the checkpoint alone has to do
            pass
    elif cancel is None or not cancel(frame):
        pending = 0
        raise KeyboardInterrupt


def deliver_again(cell):
    sleep(AGAIN_AFTER)
    with redelivery:
        if armed == pending == cell:
            _signal.pthread_kill(main_thread, _signal.SIGINT)


def checkpoint():
    """Where our code returns to the user's. Raises what was left over meanwhile."""
    global pending
    if pending and _thread.get_ident() == main_thread:
        pending = 0
        raise KeyboardInterrupt


def in_child():
    """In a forked child: the thread that forked is the main thread."""
    global main_thread, redelivery
    main_thread = _thread.get_ident()
    redelivery = _thread.allocate_lock()
