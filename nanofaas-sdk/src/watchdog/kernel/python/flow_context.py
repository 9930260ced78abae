"""What the node whose code runs was called with.

One module global and not a context variable: an interpreter serves one flow and runs one execution
at a time, and threads that the user's code starts have to see the same as its main thread, which
context variables only do from Python 3.14 on.
"""

_current = None


class Context:
    """One execution of one node."""

    def __init__(self, flow, artifacts_before):
        self.node_id = node_key(flow.get("node_id", 0))
        self.flow_id = flow.get("flow_id", 0)
        self.input_paths = flow.get("input_paths") or {}
        self.output_dir = flow.get("output_dir") or ""
        self.log_callback_url = flow.get("log_callback_url") or ""
        # Names only: a reference to an artifact here would keep it alive after its deletion.
        self.artifacts_before = frozenset(artifacts_before)
        # Set by the first log call that waited in vain, so that a loop that logs does not wait each
        # time.
        self.log_callback_timed_out = False


def enter(context):
    """Makes `context` the current one until the next, for threads that outlive their cell."""
    global _current
    _current = context


def current():
    """The context of the running execution; RuntimeError where no node ever ran."""
    if _current is None:
        raise RuntimeError(
            "flowfile can only be used in code that is executed as a node of a flow."
        )
    return _current


def node_key(node_id):
    """The id as an int where it is one (`"7"` and 7 are one node), else the string as it is."""
    if not isinstance(node_id, str):
        return node_id
    digits = node_id[1:] if node_id[:1] in ("+", "-") else node_id
    # ASCII only and within 64 bits, as the host reads it: int() would also take "1_0", " 7 " and
    # "٣".
    if digits.isascii() and digits.isdigit() and len(digits) <= 100:
        number = int(node_id)
        if -(2**63) <= number < 2**63:
            return number
    return node_id


def polars_for(function):
    """polars, which is the user's package, imported by the first function that needs it."""
    try:
        import polars
    except ImportError as error:
        raise missing("polars", function, error) from error
    return polars


def missing(package, function, error):
    """The ImportError that says what to install; it tells a broken package from an absent one."""
    if getattr(error, "name", None) == package and isinstance(error, ModuleNotFoundError):
        why = "is not installed"
    else:
        why = f"cannot be imported ({error})"
    message = (
        f"flowfile.{function}() needs {package}, which {why}. Install it: pip install {package}"
    )
    return ImportError(message, name=package)
