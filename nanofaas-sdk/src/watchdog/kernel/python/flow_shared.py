"""The folder that flows share."""

import os


def get_shared_location(filename):
    """The path of `filename` in the shared folder; folders on the way to it are created.

    The shared folder is that of the variable SHARED_LOCATION, /shared without it.
    """
    base = os.path.abspath(os.environ.get("SHARED_LOCATION") or "/shared")
    relative = os.fspath(filename)
    if not isinstance(relative, str):
        raise TypeError(f"a file name of the shared folder is a str, not {type(relative).__name__}")
    if not relative or "\0" in relative:
        raise ValueError(f"{relative!r} is not a file name of the shared folder")
    # join() takes an absolute file name as it is, so this refuses those as well.
    path = os.path.normpath(os.path.join(base, relative))
    if os.path.commonpath((base, path)) != base:
        raise ValueError(f"{relative!r} is outside of the shared folder {base}")
    os.makedirs(os.path.dirname(path) if path != base else base, exist_ok=True)
    return path
