"""Module `flowfile` of a node's code, and what the kernel core calls around an execution.

Each group of functions has a file of its own: flow_inputs, flow_outputs, flow_artifacts, flow_log,
flow_display, flow_shared.
"""

import sys

from nanofaas_kernel import (
    flow_artifacts,
    flow_context,
    flow_display,
    flow_inputs,
    flow_log,
    flow_outputs,
    flow_shared,
)

_DOC = """Inputs, outputs and artifacts of a node of a flow.

    df = flowfile.read_input()                      # LazyFrame of the upstream nodes
    flowfile.publish_output(df.filter(...))         # for the downstream nodes
    flowfile.publish_artifact("model", model)       # any object, for other nodes of this flow
    model = flowfile.read_artifact("model")
    flowfile.display(figure, "Title")
    flowfile.log("message")
"""

_PUBLIC = (
    flow_inputs.read_input,
    flow_inputs.read_first,
    flow_inputs.read_inputs,
    flow_outputs.publish_output,
    flow_artifacts.publish_artifact,
    flow_artifacts.read_artifact,
    flow_artifacts.delete_artifact,
    flow_artifacts.list_artifacts,
    flow_display.display,
    flow_log.log,
    flow_log.log_info,
    flow_log.log_warning,
    flow_log.log_error,
    flow_shared.get_shared_location,
)

_module = type(sys)("flowfile", _DOC)


def install(namespace):
    """Makes `flowfile` a name of `namespace` and importable, whatever user code did to either."""
    for function in _PUBLIC:
        # So that help() and pickle find it where the user did.
        function.__module__ = "flowfile"
        setattr(_module, function.__name__, function)
    _module.__all__ = [function.__name__ for function in _PUBLIC]
    sys.modules["flowfile"] = _module
    namespace["flowfile"] = _module


def begin(flow):
    """Opens the execution of a node: `flow` is its context, as the execute frame has it.

    The artifacts of its last run go before its code runs, so that a failing run does not leave
    stale ones either. They are replaced and not deleted, and hence counted in neither list of
    `end`.
    """
    node_id = flow_context.node_key(flow.get("node_id", 0))
    flow_artifacts.drop_of_nodes([node_id])
    flow_context.enter(flow_context.Context(flow, flow_artifacts.names()))


def end(success):
    """Closes the execution that `begin` opened; the answer goes into the finished frame."""
    context = flow_context.current()
    now = flow_artifacts.metadata()
    return {
        "output_paths": flow_outputs.output_paths(context.output_dir) if success else [],
        "published": sorted(now.keys() - context.artifacts_before),
        "deleted": sorted(context.artifacts_before - now.keys()),
        "artifacts": now,
    }


def ask(question):
    """Answers a question of the host about artifacts."""
    operation = question["op"]
    if operation == "clear_artifacts":
        removed = flow_artifacts.drop_all()
    elif operation == "clear_node_artifacts":
        node_ids = [flow_context.node_key(node_id) for node_id in question["node_ids"]]
        removed = flow_artifacts.drop_of_nodes(node_ids)
    else:
        raise ValueError(f"flowfile cannot answer the question {operation!r}")
    return {"artifacts": flow_artifacts.metadata(), "removed": removed}
