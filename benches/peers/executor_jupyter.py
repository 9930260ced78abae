"""The executor contract on FastAPI and uvicorn, with an IPython kernel behind jupyter_client.

One kernel, one execution at a time. Code that runs longer than EXECUTION_TIMEOUT seconds costs the kernel its life: it is
restarted, in the background, and the caller is told at once.
"""

import asyncio
import os
import re
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from jupyter_client import AsyncKernelManager
from pydantic import BaseModel

TIMEOUT = float(os.environ.get("EXECUTION_TIMEOUT", "3"))
WORKSPACE = Path(os.environ.get("WORKSPACE_FOLDER", "/code"))
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def error(name, value, traceback=()):
    return {
        "type": "error",
        "name": name,
        "value": value,
        "traceback": [ANSI.sub("", line) for line in traceback],
    }


class Kernel:
    def __init__(self):
        self.manager = AsyncKernelManager()
        self.turn = asyncio.Lock()

    async def open(self):
        # No history file: nobody reads it, and every execution would write to it.
        await self.manager.start_kernel(extra_arguments=["--HistoryManager.enabled=False"])
        self.client = self.manager.client()
        self.client.start_channels()
        await self.prepare()

    async def reopen(self):
        await self.manager.restart_kernel(now=True)
        await self.prepare()

    async def prepare(self):
        await self.client.wait_for_ready(timeout=60)
        for file in sorted(WORKSPACE.glob("*.py")):
            if not file.name.startswith("_"):
                await self.collect(self.client.execute(file.read_text(), silent=True), [])

    def start(self, how):
        self.starting = asyncio.create_task(how())

    @property
    def restarting(self):
        return not self.starting.done()

    def not_ready(self):
        """Why code cannot run now, or None."""
        if self.restarting:
            return "the kernel is starting"
        failure = self.starting.exception()
        return str(failure) if failure else None

    async def close(self):
        self.starting.cancel()
        if self.manager.has_kernel:
            await self.manager.shutdown_kernel(now=True)

    async def collect(self, message_id, outputs):
        """Outputs of one execution, until the kernel says that it is idle again."""
        while True:
            message = await self.client.get_iopub_msg()
            if message["parent_header"].get("msg_id") != message_id:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                last = outputs[-1] if outputs else None
                if last and last["type"] == "stream" and last["name"] == content["name"]:
                    last["text"].append(content["text"])
                else:
                    outputs.append(
                        {"type": "stream", "name": content["name"], "text": [content["text"]]}
                    )
            elif kind == "execute_result":
                outputs.append({"type": "result", "data": content["data"]})
            elif kind == "display_data":
                outputs.append({"type": "display", "data": content["data"]})
            elif kind == "error":
                outputs.append(error(content["ename"], content["evalue"], content["traceback"]))
            elif kind == "status" and content["execution_state"] == "idle":
                break
        while (await self.client.get_shell_msg())["parent_header"].get("msg_id") != message_id:
            pass

    async def gone(self):
        while not self.restarting and await self.manager.is_alive():
            await asyncio.sleep(0.05)

    async def execute(self, code):
        async with self.turn:
            await asyncio.shield(self.starting)
            outputs = []
            work = asyncio.create_task(
                self.collect(self.client.execute(code, allow_stdin=False), outputs)
            )
            death = asyncio.create_task(self.gone())
            done, _ = await asyncio.wait(
                {work, death}, timeout=TIMEOUT, return_when=asyncio.FIRST_COMPLETED
            )
            work.cancel()
            death.cancel()
            for output in outputs:
                if output["type"] == "stream":
                    output["text"] = "".join(output["text"])
            if work in done:
                work.result()
                return outputs
            if death in done:
                outputs.append(error("KernelError", "The kernel ended while it executed"))
            else:
                outputs.append(
                    error("TimeoutError", f"Execution timed out after {TIMEOUT:g} seconds")
                )
            if not self.restarting:
                self.start(self.reopen)
            return outputs


class Code(BaseModel):
    code: str


@asynccontextmanager
async def lifespan(app):
    app.state.kernel = Kernel()
    app.state.kernel.start(app.state.kernel.open)
    yield
    await app.state.kernel.close()


app = FastAPI(lifespan=lifespan)


@app.get("/health")
async def health():
    return JSONResponse({"status": "ok"})


@app.get("/ready")
async def ready():
    reason = app.state.kernel.not_ready()
    if reason:
        return JSONResponse({"ready": False, "reason": reason}, 503)
    return JSONResponse({"ready": True})


@app.post("/execute")
async def execute(body: Code):
    return JSONResponse({"outputs": await app.state.kernel.execute(body.code)})


@app.post("/restart")
async def restart():
    kernel = app.state.kernel
    if kernel.restarting:
        return JSONResponse({"status": "already_restarting"})
    kernel.start(kernel.reopen)
    return JSONResponse({"status": "restarting"})


@app.get("/restart-status")
async def restart_status():
    return JSONResponse({"restarting": app.state.kernel.restarting})


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ.get("PORT", "8432")),
        log_level="warning",
        access_log=False,
    )
