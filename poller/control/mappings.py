"""Settings -> mappings that can run. Sources and destinations are built, not opened; nothing is started here.

Settings are checked by then: what is raised here is a defect of ours.
"""

from __future__ import annotations

import collections.abc
from collections.abc import Collection
from dataclasses import dataclass

from connectors.contract import Capabilities, Identity, Reader
from poller.aio.clock import Clock
from poller.control.checkpoints import StoredCheckpoints
from poller.control.positions import Start
from poller.dispatch.invoker import Invoker
from poller.dispatch.slots import Claim, Slots
from poller.envelope import Envelope, content, envelope
from poller.execution.pool import Pool
from poller.observe.events import Emit
from poller.pipeline.breaker import Terms
from poller.pipeline.filter import Criteria, compile_criteria
from poller.pipeline.mapping import Mapping
from poller.pipeline.plan import QueuePlan
from poller.pipeline.stream import StreamMapping, StreamPlan
from poller.settings import destinations
from poller.settings.mappings import source
from poller.settings.model import MappingSettings, Settings, SourceSettings
from poller.settings.moments import moment
from poller.settings.references import LATEST, loaded_reference

POLLERS_AT_MOST = 1250
"""Concurrent invocations of one mapping: the service's on-demand ceiling (Lambda DG, Configuring scaling behavior for SQS)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What all mappings of a daemon are given. pools: by target."""

    settings: Settings
    pools: collections.abc.Mapping[str, Pool]
    slots: Slots
    invoker: Invoker
    clock: Clock
    emit: Emit

    def claim(self, name: str) -> Claim:
        """A mapping's share of its function's permits."""
        settings = self.settings.event_source_mappings[name]
        return self.slots.claim(loaded_reference(settings.function).name, name, settings.maximum_concurrency)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a mapping is made of; equal ones make equal mappings. timeout: of its function, seconds. slots: those that it can have."""

    settings: MappingSettings
    function_arn: str
    timeout: float
    slots: int

    @property
    def source(self) -> SourceSettings:
        """What it reads: nothing of a mapping's run is worth keeping when that is another one."""
        return self.settings.source


def recipe(name: str, around: Around) -> Recipe:
    """Of one mapping, as things are."""
    settings = around.settings.event_source_mappings[name]
    reference = loaded_reference(settings.function)
    return Recipe(
        settings,
        function_arn(reference.target, around),
        timeout(settings, around.settings, around.pools),
        around.slots.limit(reference.name),
    )


def queue(name: str, around: Around) -> Mapping:
    """A mapping whose source is a queue."""
    settings = around.settings.event_source_mappings[name]
    found = source(settings)
    able = found.capabilities
    plan = QueuePlan(
        name=name,
        function=loaded_reference(settings.function).target,
        batch_size=batch_size(settings, able),
        window=settings.maximum_batching_window_seconds,
        timeout=timeout(settings, around.settings, around.pools),
        criteria=_criteria(settings, able),
        item_failures="ReportBatchItemFailures" in settings.function_response_types,
        envelope=lambda identity: _envelope(settings, able, identity),
        traced=around.settings.tracing is not None,
        breaker=breaker(settings),
    )
    reserved = around.slots.limit(loaded_reference(settings.function).name)
    limits = (POLLERS_AT_MOST, able.parallel_fetches, reserved, settings.maximum_concurrency)
    return Mapping(
        plan,
        found,
        claim=around.claim(name),
        ceiling=min(limit for limit in limits if limit is not None),
        invoker=around.invoker,
        clock=around.clock,
        emit=around.emit,
    )


def stream(name: str, around: Around, checkpoints: StoredCheckpoints) -> StreamMapping:
    """A mapping whose source is a stream."""
    settings = around.settings.event_source_mappings[name]
    found = source(settings)
    able = found.capabilities
    reference = loaded_reference(settings.function)
    start = beginning(settings, able, checkpoints)
    plan = StreamPlan(
        name=name,
        function=reference.target,
        function_arn=function_arn(reference.target, around),
        timeout=timeout(settings, around.settings, around.pools),
        batch_size=batch_size(settings, able),
        window=settings.maximum_batching_window_seconds,
        criteria=_criteria(settings, able),
        item_failures="ReportBatchItemFailures" in settings.function_response_types,
        envelope=lambda identity: _envelope(settings, able, identity),
        traced=around.settings.tracing is not None,
        breaker=breaker(settings),
        starting_position=start.position,
        starting_position_timestamp=start.timestamp,
        parallelization_factor=settings.parallelization_factor,
        bisect=settings.bisect_batch_on_function_error,
        maximum_retry_attempts=settings.maximum_retry_attempts,
        maximum_record_age=settings.maximum_record_age_seconds,
        tumbling_window=settings.tumbling_window_seconds,
    )
    return StreamMapping(
        plan,
        found,
        checkpoints=checkpoints,
        destination=destinations.built(settings, found, around.settings.aws),
        claim=around.claim(name),
        invoker=around.invoker,
        clock=around.clock,
        emit=around.emit,
    )


def breaker(settings: MappingSettings) -> Terms | None:
    """A mapping's circuit breaker."""
    wanted = settings.circuit_breaker
    if wanted is None:
        return None
    return Terms(
        failures=wanted.failures,
        first=wanted.open_seconds,
        longest=max(wanted.open_seconds, wanted.maximum_open_seconds),
        dependencies=tuple(wanted.dependencies),
    )


def is_stream(settings: MappingSettings) -> bool:
    """Whether a mapping's source is a stream."""
    return source(settings).capabilities.stream


def timeout(mapping: MappingSettings, settings: Settings, pools: collections.abc.Mapping[str, Pool]) -> float:
    """Seconds that an invocation of a mapping may take: the function's timeout, of two versions behind an alias the longer one."""
    reference = loaded_reference(mapping.function)
    alias = settings.functions[reference.name].aliases.get(reference.qualifier)
    named = {alias.version, *alias.weights} if alias else {reference.qualifier or LATEST}
    targets = [reference.name if version == LATEST else f"{reference.name}:{version}" for version in named]
    return max(pools[target].spec.timeout_seconds for target in targets)


def batch_size(settings: MappingSettings, able: Capabilities) -> int:
    """Records in one event, at most."""
    return settings.batch_size or min(able.default_batch_size, able.max_batch_size)


def beginning(settings: MappingSettings, able: Capabilities, checkpoints: StoredCheckpoints) -> Start:
    """Where partitions are read from of which nobody knows how far reading has come: where an operator said last, or the configuration."""
    if checkpoints.start is not None:
        return checkpoints.start
    written = settings.starting_position_timestamp
    return Start(settings.starting_position or able.starting_positions[0], None if written is None else moment(written))


def reader(name: str, settings: MappingSettings, checkpoints: StoredCheckpoints) -> Reader:
    """Who reads a stream and from where, for a source that nothing runs: its partitions are given up at once."""

    async def nothing_in_flight(_: Collection[str]) -> None:
        """There is nothing to wait for."""

    start = beginning(settings, source(settings).capabilities, checkpoints)
    return Reader(
        name=name, start=start.position, timestamp=start.timestamp, checkpoints=checkpoints, revoke=nothing_in_flight
    )


def function_arn(target: str, around: Around) -> str:
    """A target as an ARN, as failure records name it."""
    name, _, qualifier = target.partition(":")
    arn = around.pools[name].spec.arn
    return f"{arn}:{qualifier}" if qualifier else arn


def _criteria(settings: MappingSettings, able: Capabilities) -> Criteria | None:
    return compile_criteria(settings.filter_criteria, content(able.envelope)) if settings.filter_criteria else None


def _envelope(settings: MappingSettings, able: Capabilities, identity: Identity) -> Envelope:
    window = settings.maximum_batching_window_seconds > 0
    return envelope(settings.envelope or able.envelope, identity, window=window, source=able.envelope)
