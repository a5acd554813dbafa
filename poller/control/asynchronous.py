"""Settings -> the backlog of asynchronous invocations, and its life in a daemon.

One process of those that share a state folder runs what is in it (tenancy.py). The others accept, and take over when it is gone; what they
accept is found by the one that runs within seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from connectors.destinations import dead_letter_target, invocation_destination
from poller.aio.backoff import Backoff
from poller.aio.clock import Clock
from poller.aio.stop import Stop
from poller.control import tenancy
from poller.control.assemble import function_arn
from poller.control.fleet import Fleet
from poller.control.ledger import StoredLedger
from poller.control.tenancy import TakenError
from poller.control.writer import Writer
from poller.dispatch import lineage
from poller.dispatch.backlog import Backlog, Destinations, EventInvokeConfig
from poller.observe.events import Emit, LedgerFailedError
from poller.settings import asynchronous
from poller.settings.model import Settings
from poller.settings.references import LATEST

NAME = ".asynchronous"
"""In the folder of tenancies; no mapping can be called so."""
TAKING = Backoff(first=0.5, cap=10.0)
"""Seconds until the state folder is asked again that another process runs."""


def config(function: str, qualifier: str, settings: Settings) -> EventInvokeConfig:
    """How events of a function are dealt with that name this qualifier, "" for none; the defaults where there is no such function."""
    own = settings.functions.get(function)
    found = asynchronous.event_invoke(own, qualifier)
    on_success, on_failure = asynchronous.destinations(found)
    arn = function_arn(function, settings.aws)
    retries, age = found.maximum_retry_attempts, found.maximum_event_age_seconds
    return EventInvokeConfig(
        function_arn=arn,
        arn=f"{arn}:{qualifier or LATEST}",
        maximum_retry_attempts=2 if retries is None else retries,
        maximum_event_age_seconds=21600 if age is None else age,
        on_success=on_success,
        on_failure=on_failure,
        dead_letter=own.dead_letter_config.target_arn if own and own.dead_letter_config else "",
        runs=own is None or own.reserved_concurrency != 0,
        terminate=own is None or own.recursive_loop == "Terminate",
    )


def backlog(
    fleet: Fleet, writer: Writer, *, clock: Clock, emit: Emit, beginning: Callable[[float], str] = lineage.new_trace
) -> Backlog:
    """The backlog of a state folder; nothing is started, and nothing is opened."""
    settings = fleet.settings
    beyond = settings.asynchronous
    return Backlog(
        StoredLedger(writer, beyond.failures_kept, emit),
        slots=fleet.slots,
        invoker=fleet.invoker,
        configured=lambda function, qualifier: config(function, qualifier, fleet.settings),
        destinations=Destinations(
            records=partial(invocation_destination, options=settings.aws),
            letters=partial(dead_letter_target, options=settings.aws),
        ),
        retry_delays=beyond.retry_delays_seconds,
        destination_patience=beyond.destination_retry_seconds,
        clock=clock,
        emit=emit,
        beginning=beginning,
    )


async def keep_running(
    backlog: Backlog,
    state: Path,
    stop: Stop,
    *,
    found_defect: Callable[[Exception, float], None],
    clock: Clock,
    emit: Emit,
) -> None:
    """Run what is in the state folder until the stop, once it is ours to run. found_defect: told of what escaped, and when it goes on."""
    failures, told = 0, ""
    while not stop.soft:
        try:
            tenure = tenancy.take(state, NAME, "asynchronous events")
        except (TakenError, OSError) as error:
            failures += 1
            delay = TAKING.delay(failures)
            if str(error) != told:  # that may be so for days
                told = str(error)
                emit(LedgerFailedError(part="asynchronous event", message=told, retry_seconds=delay))
            await stop.or_stop(clock.sleep(delay))
            continue
        try:
            await backlog.run(stop)
        except Exception as error:  # noqa: BLE001  # ours; what was under way is on the disk
            failures += 1
            found_defect(error, TAKING.delay(failures))
            await stop.or_stop(clock.sleep(TAKING.delay(failures)))
        finally:
            tenure.leave()
