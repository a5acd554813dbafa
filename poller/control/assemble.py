"""Settings -> functions and mappings that can run. No I/O but unpacking code; nothing is started here."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from connectors import registry
from connectors.contract import Identity
from poller.aio.clock import Clock
from poller.dispatch.invoker import Function, Invoker
from poller.dispatch.slots import Slots
from poller.envelope import Envelope, envelope
from poller.execution.contract import Driver, FunctionSpec
from poller.execution.package import resolve
from poller.execution.pool import Pool
from poller.observe.events import Emit
from poller.pipeline.filter import compile_criteria
from poller.pipeline.mapping import Mapping, Plan
from poller.settings.model import AccountSettings, FunctionSettings, MappingSettings, Settings

POLLERS_AT_MOST = 1250
"""Concurrent invocations of one mapping: the service's on-demand ceiling (Lambda DG, Configuring scaling behavior for SQS)."""


def spec(name: str, function: FunctionSettings, settings: Settings) -> FunctionSpec:
    """What a driver needs to run the function; unpacks a .zip into the state folder. Raises PackageError."""
    return FunctionSpec(
        name=name,
        version="$LATEST",
        arn=f"arn:aws:lambda:{region(settings.aws)}:{settings.aws.account_id}:function:{name}",
        task_root=str(resolve(Path(function.code), Path(settings.state))),
        runtime=function.runtime,
        handler=function.handler,
        timeout_seconds=function.timeout_seconds,
        memory_mb=function.memory_mb,
        environment=function.environment,
        aws=aws_variables(settings.aws),
    )
