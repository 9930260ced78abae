"""The flowfile contract on FastAPI and uvicorn: code runs with `exec` in the service's own process, on a thread of its pool.

As much of the contract as a comparison needs: /health, /execute, and artifacts that live as long as the process.
"""

import ast
import contextlib
import io
import os
import time
import traceback
from contextvars import ContextVar
from datetime import datetime, timezone
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Union

import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

namespaces = {}
artifacts = {}
lock = Lock()
current = ContextVar("current")


class Execution(BaseModel):
    node_id: Union[int, str]
    code: str
    input_paths: dict[str, list[str]] = Field(default_factory=dict)
    output_dir: str = ""
    flow_id: int = 0
    interactive: bool = False
    log_callback_url: str = ""


def read_input(name="main"):
    import polars

    paths = current.get().request.input_paths
    if not paths:
        raise RuntimeError(
            "Upstream nodes did not run yet. Make sure you run the flow before calling read_input()."
        )
    if name not in paths:
        raise KeyError(f"Input '{name}' not found. Available inputs: {sorted(paths)}")
    return polars.concat([polars.scan_parquet(path) for path in paths[name]])


def publish_output(frame, name="main"):
    if "/" in name or ".." in name:
        raise ValueError(f"Invalid output name '{name}'")
    if hasattr(frame, "collect"):
        frame = frame.collect()
    frame.write_parquet(Path(current.get().request.output_dir) / f"{name}.parquet")


def publish_artifact(name, value):
    request = current.get().request
    with lock:
        published = artifacts.setdefault(request.flow_id, {})
        if name in published:
            node = published[name]["node_id"]
            raise ValueError(
                f"Artifact '{name}' already exists (published by node {node}). Delete it first."
            )
        published[name] = {
            "value": value,
            "name": name,
            "type_name": type(value).__name__,
            "module": type(value).__module__,
            "node_id": request.node_id,
            "flow_id": request.flow_id,
            "created_at": datetime.now(timezone.utc).isoformat(),
        }


def artifact_of(name):
    published = artifacts.get(current.get().request.flow_id, {})
    if name not in published:
        raise KeyError(f"Artifact '{name}' not found")
    return published


def read_artifact(name):
    return artifact_of(name)[name]["value"]


def delete_artifact(name):
    with lock:
        del artifact_of(name)[name]


def list_artifacts():
    return sorted(artifacts.get(current.get().request.flow_id, {}))


def display(value, title=""):
    current.get().displays.append({"mime_type": "text/plain", "data": repr(value), "title": title})


def log(message, level="INFO"):
    print(f"[{level}] {message}")


flowfile = SimpleNamespace(
    read_input=read_input,
    publish_output=publish_output,
    publish_artifact=publish_artifact,
    read_artifact=read_artifact,
    delete_artifact=delete_artifact,
    list_artifacts=list_artifacts,
    display=display,
    log=log,
)


def run(code, namespace, interactive):
    tree = ast.parse(code)
    if interactive and tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
        exec(compile(tree, "<node>", "exec"), namespace)
        value = eval(compile(last, "<node>", "eval"), namespace)
        if value is not None:
            display(value)
    else:
        exec(compile(tree, "<node>", "exec"), namespace)


app = FastAPI()


@app.get("/health")
async def health():
    count = sum(len(published) for published in artifacts.values())
    return JSONResponse({"status": "healthy", "version": "0.1.0", "artifact_count": count})


@app.post("/execute")
def execute(request: Execution):
    began = time.perf_counter()
    with lock:
        published = artifacts.setdefault(request.flow_id, {})
        for name in [
            name for name, artifact in published.items() if artifact["node_id"] == request.node_id
        ]:
            del published[name]
        before = set(published)
    namespace = namespaces.setdefault(request.flow_id, {"__name__": "__main__"})
    namespace["flowfile"] = flowfile
    context = SimpleNamespace(request=request, displays=[])
    current.set(context)
    stdout, stderr, error = io.StringIO(), io.StringIO(), None
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        try:
            run(request.code, namespace, request.interactive)
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}"
            stderr.write(traceback.format_exc())
    after = set(published)
    added, removed = sorted(after - before), sorted(before - after)
    outputs = []
    if request.output_dir and error is None:
        outputs = sorted(str(path) for path in Path(request.output_dir).glob("*.parquet"))
    return JSONResponse(
        {
            "success": error is None,
            "output_paths": outputs,
            "published_artifacts": added,
            "deleted_artifacts": removed,
            "artifacts_published": added,
            "artifacts_deleted": removed,
            "display_outputs": context.displays,
            "stdout": stdout.getvalue(),
            "stderr": stderr.getvalue(),
            "error": error,
            "execution_time_ms": (time.perf_counter() - began) * 1000,
        }
    )


@app.get("/artifacts")
def all_artifacts(flow_id: Union[int, None] = None):
    flows = artifacts if flow_id is None else {flow_id: artifacts.get(flow_id, {})}
    return {
        name: {key: value for key, value in artifact.items() if key != "value"}
        for published in flows.values()
        for name, artifact in published.items()
    }


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ.get("PORT", "9999")),
        log_level="warning",
        access_log=False,
    )
