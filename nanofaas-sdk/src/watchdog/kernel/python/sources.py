"""Source text of cells, kept as long as a traceback may ask for it."""

import sys

KEPT = 500
KEPT_BYTES = 4 * 1024 * 1024
CODE = type((lambda: 0).__code__)

current = None
texts = {}  # file name -> source, oldest first
labels = {}  # file name -> "Cell In[3]"
total = 0
highest = runs = 0


def name_for(count):
    """A file name no earlier cell had, even where the host repeats its counts."""
    global highest, runs
    runs += 1
    if count > highest:
        highest = count
        return "Cell In[%d]" % count
    return "Cell In[%d] (run %d)" % (count, runs)


def begin(filename, count, source):
    global current
    if current and current not in texts:
        forget(current)
    current = filename
    labels[filename] = "Cell In[%d]" % count, source
    linecache = sys.modules.get("linecache")
    if linecache is not None:
        enter(linecache, filename, source)


def keep(filename, code):
    """Functions and classes of this cell may be in a traceback of a later one."""
    global total
    if filename in texts or not any(type(constant) is CODE for constant in code.co_consts):
        return
    source = labels[filename][1]
    if len(source) > KEPT_BYTES // 4:
        return
    texts[filename] = source
    total += len(source)
    while len(texts) > KEPT or total > KEPT_BYTES:
        oldest = next(iter(texts))
        total -= len(texts.pop(oldest))
        if oldest != current:
            forget(oldest)


def forget(filename):
    labels.pop(filename, None)
    linecache = sys.modules.get("linecache")
    if linecache is not None:
        linecache.cache.pop(filename, None)


def lines_of(text):
    """Lines as Python counts them; str.splitlines() also splits at form feeds and the like."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def find(filename):
    """(label, source) of a cell, or None."""
    return labels.get(filename)


def enter(linecache, filename, source):
    # No modification time: checkcache() leaves the entry alone.
    lines = [line + "\n" for line in lines_of(source)]
    linecache.cache[filename] = len(source), None, lines, filename


def fill(linecache):
    """linecache was imported just now: user code may want inspect.getsource or print_exc."""
    # Python 3.13 enters the bootstrap there; every exec() of a string would show its lines.
    linecache.cache.pop("<string>", None)
    for filename, (_, source) in labels.items():
        enter(linecache, filename, source)
