"""Gauges of the functions' environments, and of what waits: read when the metrics page is, so they cannot drift from what they tell of."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from poller.dispatch.backlog import Backlog
from poller.dispatch.slots import Slots
from poller.execution.contract import Driver, Stocked
from poller.execution.pool import Pool
from poller.observe.metrics import Metrics

Number = Callable[[Pool], int]
ByName = Callable[[], Mapping[str, float]]

OF_ALL: tuple[tuple[str, str, Number], ...] = (
    ("environments", "Execution environments, those in INIT too.", lambda pool: sum(pool.counts().values())),
    ("environments_busy", "Execution environments that run an invocation.", lambda pool: pool.counts()["busy"]),
    ("environments_idle", "Execution environments that wait for work.", lambda pool: pool.counts()["idle"]),
    ("environments_starting", "Execution environments in INIT.", lambda pool: pool.counts()["starting"]),
    ("invocations_running", "Invocations under way.", lambda pool: pool.running),
    ("invocations_waiting", "Invocations in line for an environment.", lambda pool: pool.waiting),
)
OF_PROVISIONED: tuple[tuple[str, str, Number], ...] = (
    ("provisioned_requested", "Provisioned environments to be kept.", lambda pool: pool.allocation.requested),
    ("provisioned_allocated", "Of them, those started or starting.", lambda pool: pool.allocation.allocated),
    ("provisioned_available", "Of them, those that wait for work.", lambda pool: pool.allocation.available),
)
AWS = {
    "invocations_running": "ConcurrentExecutions",
    "provisioned_allocated": "ProvisionedConcurrentExecutions (less available), ProvisionedConcurrencyUtilization (that by allocated)",
}
"""Metrics of the same meaning."""


def watch(metrics: Metrics, pools: Mapping[str, Pool]) -> None:
    """Put them on the page, one sample a function."""
    for name, text, number in OF_ALL:
        metrics.watch(name, text, "function", _read(pools, number), aws=AWS.get(name, ""))
    for name, text, number in OF_PROVISIONED:
        of_those = _read(pools, number, lambda pool: pool.allocation.requested > 0)
        metrics.watch(name, text, "function", of_those, aws=AWS.get(name, ""))


def watch_slots(metrics: Metrics, slots: Slots) -> None:
    """The permits of all functions."""
    text = "Slots there are; pool empty: unreserved. Reserved pools are named after their function."
    aws = "UnreservedConcurrentExecutions (pool empty)"
    metrics.watch("slots_limit", text, "pool", slots.limits, aws=aws)
    metrics.watch("slots_in_use", "Slots taken; pool empty: unreserved.", "pool", slots.in_use)
    metrics.watch("slots_waiting", "Invocations that wait for a slot.", "pool", slots.waiting)


def watch_mappings(metrics: Metrics, in_hand: ByName, ages: ByName, healthy: ByName) -> None:
    """What each mapping has, how far behind it is, and whether it gets on. ages: seconds."""
    metrics.watch("records_in_hand", "Records fetched and not settled.", "mapping", in_hand)
    text = "Age of the last record of a batch when its invocation ended, of the oldest partition; 0: all is done."
    metrics.watch("iterator_age_seconds", text, "mapping", ages, aws="IteratorAge")
    text = "0: the mapping has something to do and has done nothing for unhealthy_after_seconds; else 1."
    metrics.watch("mapping_healthy", text, "mapping", healthy)


def watch_driver(metrics: Metrics, driver: Driver) -> None:
    """What only a driver knows of."""
    if isinstance(driver, Stocked):
        text = "Execution environments prepared ahead, INIT not begun; none of the others."
        metrics.watch("environments_spare", text, "function", driver.spares)


def watch_backlog(metrics: Metrics, backlog: Backlog) -> None:
    """What waits of asynchronous invocations."""
    text = "Asynchronous events that wait or run, about."
    metrics.watch("async_events_waiting", text, "function", backlog.waiting)
    text = "Records and dead letters of asynchronous events that are to be delivered, by target, about."
    metrics.watch("async_deliveries_waiting", text, "target", backlog.untold)


def _read(
    pools: Mapping[str, Pool], number: Number, shown: Callable[[Pool], bool] = lambda _: True
) -> Callable[[], dict[str, int]]:
    return lambda: {name: number(pool) for name, pool in pools.items() if shown(pool)}
