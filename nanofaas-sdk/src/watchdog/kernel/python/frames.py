"""Which frames of a traceback are shown."""

from . import sources

FIRST, LAST = 20, 20  # shown of a long traceback
OFTEN = 3  # a line that is in a traceback more often than this is a recursion

ours = __builtins__


def of(error):
    """(frame, line) of the user's frames: ours and the event loop's above the cell are not."""
    frames = []
    step = error.__traceback__
    while step is not None:
        frame = step.tb_frame
        if frame.f_builtins is not ours:
            frames.append((frame, step.tb_lineno))
        step = step.tb_next
    for number, (frame, _) in enumerate(frames):
        if sources.find(frame.f_code.co_filename):
            above = [f.f_globals.get("__name__") for f, _ in frames[:number]]
            if all(str(name).startswith("asyncio.") for name in above):
                return frames[number:]
            break
    return frames


def user_traceback(error):
    """The traceback without our own frames at its start."""
    step = error.__traceback__
    while step is not None and step.tb_frame.f_builtins is ours:
        step = step.tb_next
    return step


def shorten(frames, name):
    """Replaces repeated frames, and the middle of a long traceback, by a line that says so.

    As IPython does, the first two and the last one of a repeated frame stay.
    """
    places = [(frame.f_code, line) for frame, line in frames]
    counts = {}
    for place in places:
        counts[place] = counts.get(place, 0) + 1
    seen, last = {}, {place: number for number, place in enumerate(places)}
    shown, repeated = [], {}
    for number, place in enumerate(places):
        seen[place] = seen.get(place, 0) + 1
        if counts[place] > OFTEN and seen[place] > 2 and number != last[place]:
            repeated[place] = repeated.get(place, 0) + 1
            continue
        if repeated:
            shown.append(similar(repeated, name))
            repeated = {}
        shown.append(frames[number])
    left_out = len(shown) - FIRST - LAST
    if left_out > 1:
        shown[FIRST:-LAST] = ["    [... skipping %d frames]\n" % left_out]
    return shown


def similar(repeated, name):
    places = [
        "%s at line %d (%d times)" % (name(*place), place[1], repeated[place]) for place in repeated
    ]
    return "    [... skipping similar frames: %s]\n" % ", ".join(places)
