"""Artifacts: Python objects that nodes of a flow hand to each other, by name and without a copy.

The keys of the contract are (flow, name). An interpreter serves one flow, so its store is keyed by
name.

There is no lock. Each operation is one call of a dict with str keys, which is atomic, with and
without the GIL; a lock would be held while `__del__` of a user's object runs, and would stay locked
in a process forked by another thread.
"""

import sys
import time

from nanofaas_kernel.flow_context import current

_store = {}


class _Entry:
    __slots__ = ("object", "metadata")

    def __init__(self, object, metadata):
        self.object = object
        self.metadata = metadata


def publish_artifact(name, obj):
    """Keeps `obj` (itself, no copy; None is allowed) under `name` for the other nodes of this flow.

    A name is taken until its artifact is deleted (ValueError). Running a node again drops the
    artifacts it published before.
    """
    name = _checked(name)
    context = current()
    # Looked up before the metadata are made, because the size of a large object may take its time.
    if name not in _store:
        entry = _Entry(obj, _describe(name, obj, context))
        if _store.setdefault(name, entry) is entry:
            return
    taken = _store.get(name)
    node = taken.metadata["node_id"] if taken else "unknown"
    raise ValueError(
        f"Artifact '{name}' already exists (published by node {node}). Delete it first with "
        f'flowfile.delete_artifact("{name}") before publishing a new one with the same name.'
    )


def read_artifact(name):
    """The very object that was published under `name` in this flow; KeyError if there is none."""
    current()
    name = _checked(name)
    entry = _store.get(name)
    if entry is None:
        raise KeyError(f"Artifact '{name}' not found")
    return entry.object


def delete_artifact(name):
    """Deletes the artifact `name`, whichever node published it; KeyError if there is none."""
    current()
    name = _checked(name)
    if _store.pop(name, None) is None:
        raise KeyError(f"Artifact '{name}' not found")


def list_artifacts():
    """The artifacts of this flow, {name: metadata}.

    Metadata are a dict of name, type_name, module, node_id, flow_id, created_at, size_bytes.
    """
    current()
    return metadata()


def metadata():
    """A copy of all metadata, in the order of publication."""
    return {name: dict(entry.metadata) for name, entry in _store.copy().items()}


def names():
    """The names that exist now."""
    return set(_store.copy())


def drop_all():
    """Deletes every artifact; the names that were there, sorted."""
    return sorted(name for name in _store.copy() if _store.pop(name, None) is not None)


def drop_of_nodes(node_ids):
    """Deletes what these nodes (ids as from `node_key`) published; the names, sorted."""
    owned = [name for name, data in metadata().items() if data["node_id"] in node_ids]
    return sorted(name for name in owned if _store.pop(name, None) is not None)


def _checked(name):
    if not isinstance(name, str):
        raise TypeError(f"an artifact's name is a str, not {type(name).__name__}")
    # A subclass of str may hash and compare as it likes.
    return str.__str__(name)


def _describe(name, obj, context):
    return {
        "name": name,
        "type_name": _class_attribute(obj, "__name__"),
        "module": _class_attribute(obj, "__module__"),
        "node_id": context.node_id,
        "flow_id": context.flow_id,
        "created_at": _now(),
        "size_bytes": _size_bytes(obj),
    }


def _now():
    # Not by datetime: its import takes a lock, which a process forked meanwhile would wait for.
    seconds, nanoseconds = divmod(time.time_ns(), 10**9)
    date = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{date}.{nanoseconds // 1000:06d}+00:00"


def _class_attribute(obj, attribute):
    """`type(obj).<attribute>`, past a lying `__class__` and a metaclass that overrides it."""
    try:
        value = type.__dict__[attribute].__get__(type(obj))
    except Exception:
        return ""
    return str.__str__(value) if isinstance(value, str) else ""


def _size_bytes(obj):
    """The size of the data where a known library tells it cheaply, else of the object alone."""
    try:
        size = _data_size(obj)
        return sys.getsizeof(obj) if size is None else max(0, min(int(size), sys.maxsize))
    except KeyboardInterrupt:
        raise
    except BaseException:
        # What user code raises in __sizeof__; panics of polars are no Exceptions either.
        return 0


# How a class tells how many bytes its data have. sys.getsizeof sees only the handle of some of
# them, and of pandas every string.
_SIZES = (
    ("numpy", ("ndarray",), lambda array: array.nbytes),
    ("polars", ("DataFrame", "Series"), lambda frame: frame.estimated_size()),
    ("pyarrow", ("Table", "RecordBatch", "Array", "ChunkedArray"), lambda table: table.nbytes),
    ("pandas", ("Series", "Index"), lambda series: series.memory_usage(deep=False)),
    ("pandas", ("DataFrame",), lambda frame: frame.memory_usage(deep=False).sum()),
)


def _data_size(obj):
    for package, classes, size in _SIZES:
        # Only what is imported already: an object of a library has its library loaded.
        module = sys.modules.get(package)
        for name in classes:
            known = getattr(module, name, None)
            # By type, as isinstance would ask the object's own __class__.
            if isinstance(known, type) and issubclass(type(obj), known):
                return size(obj)
    return None
