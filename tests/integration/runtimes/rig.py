"""One function under one runtime, started as a bare process or under a plain bubblewrap, against a real Runtime API listener."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from poller.execution import failures
from poller.execution.contract import FunctionSpec, Invocation
from poller.execution.environment.variables import variables
from poller.execution.runtime_api import Answer, RuntimeApi
from poller.execution.runtimes.contract import Launch, Place, Places, Runtime

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
SECONDS = 60.0
"""Any one step; a busy machine starts a JVM slowly."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """What runs: a package, a handler, layers, variables."""

    runtime: Runtime
    task: Path
    handler: str
    opt: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    memory_mb: int = 512

    @property
    def spec(self) -> FunctionSpec:
        return FunctionSpec(
            name="f",
            version="$LATEST",
            arn=ARN,
            task_root=str(self.task),
            runtime=self.runtime.identifier,
            handler=self.handler,
            timeout_seconds=SECONDS,
            memory_mb=self.memory_mb,
            environment=self.environment,
        )


class Process:
    """A started function."""

    def __init__(self, api: RuntimeApi, process: asyncio.subprocess.Process, log: Path) -> None:
        self.api = api
        self.process = process
        self.ended = asyncio.create_task(process.wait(), name="end of the function's process")
        self._log = log

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    async def ready(self) -> None:
        """Wait until it asks for its first event."""
        await self._first(self.api.ready)
        assert self.api.ready.done(), f"it ended with {self.ended.result()}:\n{self.output}"

    async def ask(self, do: str, **event: Any) -> Answer:
        """One event, answered."""
        sent = self.send(do, **event)
        await self._first(sent)
        answer = sent.result() if sent.done() else None
        assert answer is not None, f"it ended with {self.ended.result()}:\n{self.output}"
        return answer

    async def value(self, do: str, **event: Any) -> Any:
        """What the handler returned."""
        answer = await self.ask(do, **event)
        assert not answer.error, f"{answer.body.decode()}\n{self.output}"
        return json.loads(answer.body)

    def send(self, do: str, **event: Any) -> asyncio.Future[Answer | None]:
        """One event, not waited for."""
        self.request_id = str(uuid.uuid4())
        payload = json.dumps({"do": do} | event).encode()
        invocation = Invocation(request_id=self.request_id, payload=payload, function_arn=ARN)
        return self.api.deliver(invocation, int((time.time() + SECONDS) * 1000))

    async def end(self) -> str:
        """How it ended, in the platform's words."""
        async with asyncio.timeout(SECONDS):
            code = await asyncio.shield(self.ended)
        message: str = json.loads(failures.exited("", code))["errorMessage"]
        return message.partition("Error: ")[2]

    def kill(self) -> None:
        """As after a timeout: the whole group, at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    async def _first(self, future: asyncio.Future[Any]) -> None:
        await asyncio.wait({future, self.ended}, timeout=SECONDS, return_when=asyncio.FIRST_COMPLETED)
        assert future.done() or self.ended.done(), f"nothing happened for {SECONDS} s:\n{self.output}"


@contextlib.asynccontextmanager
async def started(function: Function, folder: Path, *, sandbox: bool) -> AsyncIterator[Process]:
    """Start it, and leave nothing of it."""
    task, opt = function.task, function.opt
    places = Places.sandboxed(task, opt) if sandbox else Places.on_host(task, opt)
    launch = function.runtime.launch(function.spec, places)
    api = RuntimeApi(lambda _port: True)
    await api.open()
    log = folder / f"{uuid.uuid4().hex}.log"
    inside = "" if sandbox else str(folder)
    given = variables(
        function.spec, launch, address=f"127.0.0.1:{api.port}", token="t", log_stream="s", temporary=inside
    )
    argv = (*_bubblewrap(launch, places), *launch.argv) if sandbox else launch.argv
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd=None if sandbox else launch.directory,
            env=given,
            start_new_session=True,
        )
    running = Process(api, process, log)
    try:
        yield running
    finally:
        running.kill()
        await asyncio.wait({running.ended})
        await api.close()


def _bubblewrap(launch: Launch, places: Places) -> list[str]:
    """The least that a sandbox gives: the system of the launch, its mounts, the package and the layers, no other view of the host."""
    program = shutil.which("bwrap")
    assert program is not None
    command = [program, "--unshare-all", "--share-net", "--die-with-parent", "--new-session"]
    if launch.root is None:
        command += ["--ro-bind", "/usr", "/usr", "--ro-bind", "/etc/ssl", "/etc/ssl"]
        command += [part for name in ("bin", "lib", "lib64") for part in ("--symlink", f"usr/{name}", f"/{name}")]
    else:
        command += ["--ro-bind", str(launch.root), "/"]
    binds = [(place.host, place.inside) for place in (places.task, places.opt) if isinstance(place, Place)]
    for host, inside in (*binds, *launch.mounts):
        command += ["--ro-bind", str(host), inside]
    return [*command, "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--chdir", launch.directory, "--"]
