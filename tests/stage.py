"""One environment's listener with processes on it: what a driver does, in as few words as a test needs. No sandbox, no life cycle."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from poller.execution.contract import Invocation, OnOpening
from poller.execution.extensions.api import About, ExtensionsApi
from poller.execution.runtime_api import Answer, RuntimeApi
from poller.execution.telemetry.api import TelemetryApi
from poller.execution.telemetry.delivery import loopback

ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"
SECONDS = 30.0
ABOUT = About(function_name="f", function_version="$LATEST", handler="app.handler", account_id="123456789012")


class Program:
    """A child process whose lines are read."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reader = asyncio.create_task(self._read(), name=f"lines of {process.pid}")

    async def line(self, part: str) -> str:
        """Wait for a line with that in it."""
        async with asyncio.timeout(SECONDS):
            while not (found := [line for line in self.lines if part in line]):
                assert not self._reader.done(), f"it ended without {part!r}: {self.lines}"
                await asyncio.sleep(0.01)
        return found[0]

    async def end(self) -> int:
        """Wait for its end."""
        async with asyncio.timeout(SECONDS):
            await self._reader
            return await self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode().rstrip("\n"))


class Stage:
    """The APIs of one environment, open."""

    def __init__(self, folder: Path, kind: type[RuntimeApi] = RuntimeApi) -> None:
        self.folder = folder
        self.api = kind(lambda _port: True, paced=False)
        self.extensions = ExtensionsApi(ABOUT)
        self.telemetry = TelemetryApi(self.extensions, loopback)
        for api in (self.extensions, self.telemetry, self.telemetry.logs):
            self.api.serve(api)
        self.programs: list[Program] = []

    async def start(self, command: Sequence[str], **environment: str) -> Program:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=self.folder,
            env={**self._environment(), **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        self.programs.append(Program(process))
        return self.programs[-1]

    async def ready(self) -> None:
        """INIT is over."""
        async with asyncio.timeout(SECONDS):
            await self.api.ready
            await self.extensions.ready
        self.telemetry.close_subscriptions()

    async def invoke(self, event: Mapping[str, Any], on_opening: OnOpening | None = None) -> Answer:
        invocation = Invocation(
            request_id=str(uuid.uuid4()), payload=orjson.dumps(event), function_arn=ARN, on_opening=on_opening
        )
        deadline = int((time.time() + SECONDS) * 1000)
        async with asyncio.timeout(SECONDS):
            idle = self.extensions.invoke(invocation, deadline)
            answer = await self.api.deliver(invocation, deadline)
            assert answer is not None
            if idle is not None:
                await idle
        return answer

    async def close(self) -> None:
        for program in self.programs:
            if program.process.returncode is None:
                os.killpg(program.process.pid, signal.SIGKILL)
            await program.end()
            program.process._transport.close()  # type: ignore[attr-defined]  # else its pipes are closed some time later
        await self.telemetry.close()
        await self.api.close()
        await asyncio.sleep(0)

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.api.port}",
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
            "AWS_LAMBDA_LOG_STREAM_NAME": "s",
            "AWS_REGION": "us-east-1",
            "_HANDLER": "app.handler",
            "LAMBDA_TASK_ROOT": str(self.folder),
        }
