"""Settings -> functions that can run. No I/O but unpacking code and reading what is published; nothing is started here."""

from __future__ import annotations

import contextlib
import os
import random
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict
from urllib.parse import urlsplit

from poller.aio.clock import Clock
from poller.control import versions
from poller.control.code import unpacked
from poller.dispatch.invoker import Function, Invoker
from poller.dispatch.routing import Router, Split
from poller.dispatch.slots import Slots
from poller.execution.contract import CONCURRENT, ON_DEMAND, Driver, Elsewhere, FunctionSpec, Logging
from poller.execution.package.stamp import stamp
from poller.execution.pool import Pool, Starts
from poller.observe.events import Emit
from poller.observe.log_shipping import LogShipping
from poller.observe.log_store import Bounds, LogStore
from poller.settings.model import (
    AccountSettings,
    AliasSettings,
    FunctionSettings,
    LoggingSettings,
    RemoteSettings,
    Settings,
)
from poller.settings.package import PackageError
from poller.settings.provisioned import provisioned
from poller.settings.references import LATEST
from poller.settings.shipping import ship_options


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a pool of environments is made of; equal ones make equal pools. Seconds; provisioned: invocations.

    stamp: of code that is run where it lies, and may change there.
    """

    spec: FunctionSpec
    idle_timeout: float
    recycle_after: float
    provisioned: int
    stamp: str = ""


def recipes(settings: Settings, only: Collection[str] | None = None) -> dict[str, Recipe]:
    """One a version of each function, ``name`` for $LATEST and ``name:3``. only: of these functions; None: of all.

    A published version that cannot run any more has none; only preflight tells. Raises PackageError and StoreError.
    """
    names = settings.functions if only is None else [name for name in only if name in settings.functions]
    specs = {name: spec(name, settings.functions[name], settings) for name in names}
    for version, frozen in versions.readable(settings, only):
        with contextlib.suppress(PackageError):
            specs[version.target] = spec(version.function, frozen, settings, str(version.number))
    return {target: _recipe(found, settings.functions[found.name]) for target, found in specs.items()}


def _recipe(found: FunctionSpec, function: FunctionSettings) -> Recipe:
    kept_ready = provisioned(function).get(found.version, 0)
    in_place = (
        found.version == LATEST and isinstance(function.code, str) and Path(found.task_root) == Path(function.code)
    )
    return Recipe(
        found,
        function.idle_timeout_seconds,
        function.recycle_after_seconds,
        kept_ready,
        stamp(Path(found.task_root)) if in_place else "",
    )


def pool(recipe: Recipe, driver: Driver, emit: Emit, clock: Clock, starts: Starts) -> Pool:
    """Its environments, none of which is started. starts: of all pools of this host."""
    return Pool(
        recipe.spec,
        driver,
        emit,
        clock,
        recipe.idle_timeout,
        recycle_after_seconds=recipe.recycle_after,
        provisioned=recipe.provisioned,
        starts=starts,
    )


def pools(settings: Settings, driver: Driver, emit: Emit, clock: Clock) -> dict[str, Pool]:
    """By target; together they start no more at once than this host bears. Raises PackageError and StoreError."""
    starts = Starts()
    return {target: pool(recipe, driver, emit, clock, starts) for target, recipe in recipes(settings).items()}


class Limits(TypedDict):
    """What ``Slots`` is told."""

    total: int
    reserved: dict[str, int]
    provisioned: dict[str, int]
    caps: dict[str, int]


def limits(settings: Settings) -> Limits:
    """How many invocations may run of which function."""
    functions = settings.functions.items()
    return Limits(
        total=settings.concurrency,
        reserved={name: f.reserved_concurrency for name, f in functions if f.reserved_concurrency is not None},
        provisioned={name: kept_ready for name, f in functions if (kept_ready := sum(provisioned(f).values()))},
        caps={name: f.remote.concurrency for name, f in functions if f.remote and f.remote.concurrency},
    )


def log_store(settings: Settings, emit: Emit) -> LogStore | None:
    """Where what functions log is kept, if it is."""
    given = settings.function_logs
    bounds = Bounds(days=given.retention_days, max_bytes=given.max_mb * 1_000_000)
    return LogStore(Path(settings.state), bounds, emit) if given.keep else None


def log_shipping(settings: Settings, emit: Emit, clock: Clock) -> LogShipping | None:
    """What sends copies of functions' logs, if anything does."""
    options, ship = ship_options(settings), settings.function_logs.ship
    if options is None or ship is None:
        return None
    from connectors.cloudwatch_logs import CloudWatchLogs  # noqa: PLC0415  # takes megabytes, for those who send

    return LogShipping(CloudWatchLogs(options), ship.log_group_prefix, emit, clock)


def slots(settings: Settings) -> Slots:
    """The permits of all functions."""
    return Slots(**limits(settings))


def invoker(settings: Settings, running: Mapping[str, Pool], emit: Emit) -> Invoker:
    """The front door to the pools, by all that a function's name may be qualified with."""
    return Invoker(routes(settings, running, random.random), emit)


def routes(settings: Settings, running: Mapping[str, Pool], draw: Callable[[], float]) -> dict[str, Function]:
    """Target -> function: unqualified, ``$LATEST``, every version, every alias whose versions all run. draw: uniform in [0, 1)."""
    found = {}
    of_it: defaultdict[str, dict[str, Pool]] = defaultdict(dict)
    for each in running.values():
        of_it[each.spec.name][each.spec.version] = each
    for name, function in settings.functions.items():
        runners = of_it[name]
        latest = runners[LATEST]
        arn = latest.spec.arn
        splits = {version: Split(version) for version in runners}
        splits |= {alias: split(to) for alias, to in function.aliases.items()}
        found[name] = Function(name, arn, latest)
        for qualifier, plan in splits.items():
            if {plan.version, plan.second or plan.version} <= set(runners):
                found[f"{name}:{qualifier}"] = Function(name, f"{arn}:{qualifier}", Router(plan, runners, draw))
    return found


def split(alias: AliasSettings) -> Split:
    """Where an alias sends invocations."""
    [(second, share)] = alias.weights.items() or [("", 0.0)]
    return Split(alias.version, second, share)


def spec(name: str, function: FunctionSettings, settings: Settings, version: str = LATEST) -> FunctionSpec:
    """What a driver needs to run the function; packages, layers and images are unpacked into the state folder. Raises PackageError."""
    account = settings.aws
    elsewhere = _elsewhere(name, function.remote, account) if function.remote else None
    return FunctionSpec(
        name=name,
        version=version,
        arn=function_arn(name, account),
        **unpacked(function, Path(settings.state)),
        runtime=function.runtime,
        handler=function.handler,
        timeout_seconds=function.timeout_seconds,
        memory_mb=function.memory_mb,
        ephemeral_storage_mb=function.ephemeral_storage_mb,
        file_systems={each.local_mount_path: each.path for each in function.file_system_configs},
        network=function.network or "",
        host_ports=(*function.host_ports, *_local_port(account.endpoint_url)),
        logging=log_of(function.logging),
        max_concurrency=function.per_execution_environment_max_concurrency,
        initialization_type=CONCURRENT if function.per_execution_environment_max_concurrency > 1 else ON_DEMAND,
        environment=function.environment,
        aws=_aws_variables(account),
        elsewhere=elsewhere,
        prefork=function.prefork,
    )


def function_arn(name: str, account: AccountSettings) -> str:
    """Unqualified."""
    return f"arn:aws:lambda:{region_of(account)}:{account.account_id}:function:{name}"


def _elsewhere(name: str, remote: RemoteSettings, account: AccountSettings) -> Elsewhere:
    return Elsewhere(
        url=remote.endpoint_url.rstrip("/"),
        function=remote.function or name,
        qualifier=remote.qualifier,
        region=remote.region or region_of(account),
        concurrency=remote.concurrency,
        profile=remote.profile,
        access_key_id=remote.access_key_id,
        secret_access_key=remote.secret_access_key,
        session_token=remote.session_token,
    )


def log_of(settings: LoggingSettings) -> Logging:
    """Levels have a default in JSON format only (Lambda API reference, LoggingConfig)."""
    if settings.log_format != "JSON":
        return Logging(group=settings.log_group or "")
    return Logging(
        json=True,
        application_level=settings.application_log_level or "INFO",
        system_level=settings.system_log_level or "INFO",
        group=settings.log_group or "",
    )


def _aws_variables(account: AccountSettings) -> dict[str, str]:
    """What boto3 in a function needs to find the same AWS as the configuration names; never the daemon's own environment.

    A local server wants some keys and reads none, so it gets stand-ins where none are configured.
    """
    local = bool(account.endpoint_url) and not account.access_key_id
    values = {
        "AWS_REGION": region_of(account),
        "AWS_DEFAULT_REGION": region_of(account),
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


def region_of(account: AccountSettings) -> str:
    """The region of functions' ARNs, and of what signs requests to them."""
    return account.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
