"""The parquet files of the upstream nodes as LazyFrames."""

import os

from nanofaas_kernel.flow_context import current, polars_for


def read_input(name="main"):
    """The input `name` as a polars LazyFrame, the union of its files.

    Lazy: a file that is missing fails at collect().
    """
    paths = _paths(name)
    return _scan(polars_for("read_input"), paths)


def read_first(name="main"):
    """The first file of the input `name` as a polars LazyFrame."""
    paths = _paths(name)
    return _scan(polars_for("read_first"), paths[:1])


def read_inputs():
    """All inputs: {name: list of LazyFrames, one per file}.

    Each list can also be used as the LazyFrame of their union.
    """
    inputs = _inputs()
    polars = polars_for("read_inputs")
    return {name: _frames(polars, paths) for name, paths in inputs.items()}


def _inputs():
    inputs = current().input_paths
    if not any(inputs.values()):
        raise _upstream_did_not_run()
    return inputs


def _paths(name):
    inputs = _inputs()
    if name not in inputs:
        raise KeyError(f"Input '{name}' not found. Available inputs: {list(inputs)}")
    if not inputs[name]:
        raise _upstream_did_not_run()
    return inputs[name]


def _upstream_did_not_run():
    return RuntimeError(
        "Upstream nodes did not run yet. Make sure you run the flow before calling read_input()."
    )


def _scan(polars, paths):
    # A file whose name only looks like a pattern ("a[1].parquet") is read as what it is.
    pattern = not any(_looks_like_pattern(path) and os.path.exists(path) for path in paths)
    return polars.scan_parquet(list(paths), glob=pattern)


def _looks_like_pattern(path):
    return any(character in path for character in "*?[")


def _frames(polars, paths):
    if not paths:
        return []
    return LazyFrames([_scan(polars, [path]) for path in paths], _scan(polars, paths))


def _of_union(name):
    """The frame's method of a name that lists have too, where it is of no use for frames."""

    def method(self, *arguments, **keywords):
        return getattr(self._union, name, getattr(list, name).__get__(self))(*arguments, **keywords)

    method.__name__ = name
    return method


class LazyFrames(list):
    """A list of LazyFrames, one per file, that can be used as the LazyFrame of their union as well.

    Length, iteration and indexing are those of the list; every other attribute is the union's.
    isinstance() holds for both classes, because polars asks for a LazyFrame where it takes another
    frame (`join`, `concat`).
    """

    def __init__(self, frames, union):
        list.__init__(self, frames)
        self._union = union

    @property
    def __class__(self):
        return type(self._union)

    def __getattr__(self, name):
        return getattr(self._union, name)

    def __contains__(self, item):
        if isinstance(item, str):
            return item in self._union
        # By identity, as LazyFrames refuse to be compared.
        return any(frame is item for frame in self)

    def __reduce__(self):
        return LazyFrames, (list(self), self._union)

    clear = _of_union("clear")
    count = _of_union("count")
    remove = _of_union("remove")
    reverse = _of_union("reverse")
    sort = _of_union("sort")
