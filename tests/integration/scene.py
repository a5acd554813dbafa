"""A driver with pools of real environments, in every kind of isolation, and a function that does what it is told."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from poller.aio.clock import SystemClock
from poller.execution.contract import FunctionSpec, Invocation, Result
from poller.execution.pool import Pool
from poller.execution.process import ProcessDriver
from poller.execution.runtimes import own
from poller.execution.sandbox.isolation import unavailable
from poller.observe.events import Fact, FunctionLogged

CODE = """
import json, os, signal, subprocess, sys, tempfile, time
calls = 0
def handler(event, context):
    global calls
    calls += 1
    return globals()[event.get("do", "echo")](event, context)
def echo(event, context): return {"event": event, "calls": calls, "where": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]}
def boom(event, context): raise ValueError("no")
def hang(event, context): time.sleep(600)
def nap(event, context): time.sleep(3); return {"where": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]}
def leave(event, context): os._exit(event["code"])
def suicide(event, context): os.kill(os.getpid(), signal.SIGKILL)
def unserialisable(event, context): return object()
def big(event, context): return "x" * (7 * 1024 * 1024)
def lines(event, context):
    for n in range(event["n"]): print("line", n)
def flood(event, context): sys.stdout.write("x" * (3 * 1024 * 1024)); os.write(1, b"\\xff\\xfe\\n")
def deaf(event, context): os.close(1); os.close(2)
def hog(event, context):
    held = bytearray(300 * 1024 * 1024)
    time.sleep(30)
def orphan(event, context):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0: time.sleep(600)
        os._exit(0)
    return "ok"
def seen(event, context):
    return {"path": sys.path, "env": dict(os.environ), "cwd": os.getcwd(), "fds": sorted(map(int, os.listdir("/proc/self/fd")))}
def imports(event, context): __import__(event["name"]); return "ok"
def writes(event, context):
    path = os.path.join(tempfile.gettempdir(), "note")
    found = os.path.exists(path)
    open(path, "w").close()
    return found
def about(event, context):
    return [context.aws_request_id, context.invoked_function_arn, context.get_remaining_time_in_millis()]
"""


class Scene:
    def __init__(self, folder: Path, sandbox: str = "none", network: str = "") -> None:
        self.folder = folder
        self.network = network
        self.facts: list[Fact] = []
        self.driver = ProcessDriver(folder / "state", self.facts.append, sandbox)
        self.pools: list[Pool] = []

    def pool(self, code: str = CODE, **options: Any) -> Pool:
        root = self.folder / f"code{len(self.pools)}"
        root.mkdir()
        (root / "app.py").write_text(code)
        idle, provisioned = options.pop("idle", 300.0), options.pop("provisioned", 0)
        spec: dict[str, Any] = {
            "name": "f", "version": "$LATEST", "arn": "arn:aws:lambda:us-east-1:000000000000:function:f", "task_root": str(root),
            "runtime": own.IDENTIFIER, "handler": "app.handler", "timeout_seconds": 10.0, "memory_mb": 128, "network": self.network,
        } | options  # fmt: skip
        pool = Pool(FunctionSpec(**spec), self.driver, self.facts.append, SystemClock(), idle, provisioned=provisioned)
        self.pools.append(pool)
        return pool

    def lines(self, request_id: str) -> list[str]:
        return [fact.line for fact in self.facts if isinstance(fact, FunctionLogged) and fact.request_id == request_id]


async def invoke(pool: Pool, do: str = "echo", *, tail: bool = True, **event: Any) -> Result:
    payload = json.dumps({"do": do} | event).encode()
    invocation = Invocation(request_id=str(uuid.uuid4()), payload=payload, function_arn=pool.spec.arn, tail=tail)
    return await pool.invoke(invocation)


def error(result: Result) -> Any:
    return json.loads(result.payload)


KINDS = {
    "beside each other": ("none", ""),
    "sandbox": ("auto", "shared"),
    "sandbox with its own network": ("auto", "none"),
}


MAIN = ["beside each other", "sandbox with its own network"]
"""Where the network makes no difference: a sandbox in the host's differs in who may call the Runtime API only, and in how that is found."""
everywhere = pytest.mark.parametrize("scene", KINDS, indirect=True)


@contextlib.asynccontextmanager
async def opened(folder: Path, kind: str) -> AsyncIterator[Scene]:
    """A scene of one of KINDS, closed at the end. Where that kind cannot be had the test is skipped."""
    sandbox, network = KINDS[kind]
    if sandbox == "auto" and (reason := unavailable()):
        pytest.skip(reason)
    scene = Scene(folder, sandbox, network)
    try:
        yield scene
    finally:
        for pool in scene.pools:
            await pool.close()
        await scene.driver.close()
