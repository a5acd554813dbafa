"""Our execution environments without the daemon around them: a pool of the process driver, with the daemon's logs and metrics."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TextIO

from bench.pollerd import FUNCTION, RUNTIME
from poller.aio.clock import SystemClock
from poller.dispatch.invoker import new_request_id
from poller.execution.contract import FunctionSpec, Invocation
from poller.execution.pool import Pool
from poller.execution.process import ProcessDriver
from poller.observe.events import Emit, Fact
from poller.observe.log_store import Bounds, LogStore
from poller.observe.logs import Log
from poller.observe.metrics import Metrics

PAYLOAD = b'{"pad":"' + b"x" * 90 + b'"}'
"""100 bytes."""
KEPT = Bounds(days=14, max_bytes=256 * 1024 * 1024)
ARN = "arn:aws:lambda:us-east-1:000000000000:function:work"
SPEC = FunctionSpec(
    name="work",
    version="$LATEST",
    arn=ARN,
    task_root=str(FUNCTION),
    runtime=RUNTIME,
    handler="app.handler",
    timeout_seconds=30,
    memory_mb=512,
)


@contextlib.asynccontextmanager
async def driver(state: Path, sandbox: str = "auto") -> AsyncIterator[tuple[ProcessDriver, Emit]]:
    """The driver as the daemon makes it. Log lines are written, to nowhere."""
    metrics = Metrics()
    with _nowhere() as nowhere:
        log = Log("json", "info", nowhere)
        store = LogStore(state, KEPT, lambda _: None)

        def emit(fact: Fact) -> None:
            metrics.emit(fact)
            log(fact)
            store(fact)

        made = ProcessDriver(state, emit, sandbox)
        try:
            yield made, emit
        finally:
            await made.close()
            await store.close()
            log.flush()


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w")


@contextlib.asynccontextmanager
async def pool(state: Path, spec: FunctionSpec = SPEC, sandbox: str = "auto") -> AsyncIterator[Pool]:
    """One function's environments."""
    async with driver(state, sandbox) as (made, emit):
        environments = Pool(spec, made, emit, SystemClock(), 300)
        try:
            yield environments
        finally:
            await environments.close()


def invocation(payload: bytes = PAYLOAD) -> Invocation:
    """A new event."""
    return Invocation(request_id=new_request_id(), payload=payload, function_arn=ARN)
