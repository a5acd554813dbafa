"""Settings -> functions and mappings that can run. No I/O but unpacking code; nothing is started here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from connectors import registry
from connectors.contract import Identity
from poller.aio.clock import Clock
from poller.control.code import unpacked
from poller.dispatch.invoker import Function, Invoker
from poller.dispatch.slots import Slots
from poller.envelope import Envelope, envelope
from poller.execution.contract import Driver, FunctionSpec
from poller.execution.pool import Pool
from poller.execution.starts import Starts
from poller.observe.events import Emit
from poller.pipeline import mapping as pipeline
from poller.pipeline.filter import compile_criteria
from poller.settings.model import AccountSettings, FunctionSettings, MappingSettings, Settings
from poller.settings.references import function_name

POLLERS_AT_MOST = 1250
"""Concurrent invocations of one mapping: the service's on-demand ceiling (Lambda DG, Configuring scaling behavior for SQS)."""


def pools(settings: Settings, driver: Driver, emit: Emit, clock: Clock) -> dict[str, Pool]:
    """One pool of environments a function, empty; together they start no more at once than this host bears."""
    starts = Starts()
    return {
        name: Pool(
            spec(name, function, settings),
            driver,
            emit,
            clock,
            function.idle_timeout_seconds,
            recycle_after_seconds=function.recycle_after_seconds,
            provisioned=function.provisioned_concurrency or 0,
            starts=starts,
        )
        for name, function in settings.functions.items()
    }


def slots(settings: Settings) -> Slots:
    """The permits of all functions."""
    functions = settings.functions.items()
    reserved = {name: f.reserved_concurrency for name, f in functions if f.reserved_concurrency is not None}
    provisioned = {name: f.provisioned_concurrency for name, f in functions if f.provisioned_concurrency is not None}
    return Slots(settings.concurrency, reserved, provisioned)


def invoker(running: Mapping[str, Pool], emit: Emit) -> Invoker:
    """The front door to the pools."""
    return Invoker({name: Function(name, pool.spec.arn, pool) for name, pool in running.items()}, emit)


def mapping(
    name: str, settings: MappingSettings, *, timeout: float, permits: Slots, front: Invoker, clock: Clock, emit: Emit
) -> pipeline.Mapping:
    """One mapping, its source built but not open. Settings are checked by then: raises nothing of the user's making.

    timeout: of the function, seconds.
    """
    source = registry.load(settings.source.type)(settings.source.options)
    capabilities = source.capabilities
    function = function_name(settings.function)
    plan = pipeline.Plan(
        name=name,
        function=function,
        batch_size=settings.batch_size or min(capabilities.default_batch_size, capabilities.max_batch_size),
        window=settings.maximum_batching_window_seconds,
        timeout=timeout,
        criteria=compile_criteria(settings.filter_criteria) if settings.filter_criteria else None,
        item_failures="ReportBatchItemFailures" in settings.function_response_types,
        envelope=lambda identity: _envelope(settings, capabilities.envelope, identity),
    )
    limits = (POLLERS_AT_MOST, capabilities.parallel_fetches, permits.limit(function), settings.maximum_concurrency)
    return pipeline.Mapping(
        plan,
        source,
        claim=permits.claim(function, name, settings.maximum_concurrency),
        ceiling=min(limit for limit in limits if limit is not None),
        invoker=front,
        clock=clock,
        emit=emit,
    )


def spec(name: str, function: FunctionSettings, settings: Settings) -> FunctionSpec:
    """What a driver needs to run the function; packages, layers and images are unpacked into the state folder. Raises PackageError."""
    account = settings.aws
    return FunctionSpec(
        name=name,
        version="$LATEST",
        arn=f"arn:aws:lambda:{_region(account)}:{account.account_id}:function:{name}",
        **unpacked(function, Path(settings.state)),
        runtime=function.runtime,
        handler=function.handler,
        timeout_seconds=function.timeout_seconds,
        memory_mb=function.memory_mb,
        ephemeral_storage_mb=function.ephemeral_storage_mb,
        file_systems={each.local_mount_path: each.path for each in function.file_system_configs},
        network=function.network or "",
        host_ports=(*function.host_ports, *_local_port(account.endpoint_url)),
        environment=function.environment,
        aws=_aws_variables(account),
    )


def _aws_variables(account: AccountSettings) -> dict[str, str]:
    """What boto3 in a function needs to find the same AWS as the configuration names; never the daemon's own environment.

    A local server wants some keys and reads none, so it gets stand-ins where none are configured.
    """
    local = bool(account.endpoint_url) and not account.access_key_id
    values = {
        "AWS_REGION": _region(account),
        "AWS_DEFAULT_REGION": _region(account),
        "AWS_ENDPOINT_URL": account.endpoint_url,
        "AWS_ACCESS_KEY_ID": "test" if local else account.access_key_id,
        "AWS_SECRET_ACCESS_KEY": "test" if local else account.secret_access_key,
        "AWS_SESSION_TOKEN": account.session_token,
    }
    return {name: value for name, value in values.items() if value}


def _local_port(url: str) -> tuple[int, ...]:
    """Port of a server on the host's loopback: a function in a network of its own is to reach it under the same address."""
    parts = urlsplit(url)
    if parts.hostname not in {"127.0.0.1", "localhost"}:
        return ()
    return (parts.port or (443 if parts.scheme == "https" else 80),)


def _region(account: AccountSettings) -> str:
    return account.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def _envelope(settings: MappingSettings, default: str, identity: Identity) -> Envelope:
    return envelope(settings.envelope or default, identity, window=settings.maximum_batching_window_seconds > 0)
