"""The daemon itself: what it is, its configuration, its event loop, its state file, and what of it fails."""

from __future__ import annotations

import platform
import time
from importlib.metadata import version

from poller.observe import events as e
from poller.observe.metrics.plain import Made
from poller.observe.metrics.stage import SECONDS, On


def stage(made: Made) -> On:
    """The metrics of this stage, made."""
    text = "1; its labels say which pollerd this is, and which Python runs it."
    made.gauge("build_info", text, "version", "python").set(version("pollerd"), platform.python_version(), to=1)
    reloads = made.counter("configuration_reloads", "Times the files were read again: in force, or refused.", "result")
    good = made.gauge("configuration_reload_good", "Whether the files were in force when last read: 1 or 0.")
    good.set(to=1)
    text = "When a configuration of files came into force last, seconds since 1970."
    at = made.gauge("configuration_loaded_timestamp_seconds", text)
    at.set(to=time.time())
    text = "How late the event loop was at its own timer, twice a second: what everything else waited, too."
    lag = made.histogram("event_loop_lag_seconds", text, bounds=SECONDS)
    text = "Time that transactions on the state file took."
    wrote = made.histogram("state_write_seconds", text, bounds=SECONDS)
    text = "Things written to the state file; many share a transaction where there is much to write."
    written = made.counter("state_writes", text)
    unwritten = made.counter("state_write_errors", "Transactions on the state file that failed.")
    unsent = made.counter(
        "spans_dropped", "Spans of traces that were not exported, by reason: full, refused.", "reason"
    )
    defects = made.counter("defects", "Failures of pollerd itself.", "part")

    def on_reloaded(_: e.ConfigurationReloaded) -> None:
        reloads.add("in force")
        good.set(to=1)
        at.set(to=time.time())

    def on_refused(_: e.ConfigurationRefusedError) -> None:
        reloads.add("refused")
        good.set(to=0)

    def on_written(fact: e.StateWritten) -> None:
        wrote.observe(size=fact.seconds)
        if fact.failed:
            unwritten.add()
        else:
            written.add(by=fact.count)

    return {
        e.ConfigurationReloaded: on_reloaded,
        e.ConfigurationRefusedError: on_refused,
        e.LoopLagged: lambda fact: lag.observe(size=fact.seconds),
        e.StateWritten: on_written,
        e.SpansDropped: lambda fact: unsent.add(fact.reason, by=fact.count),
        e.DefectFoundError: lambda fact: defects.add(fact.part),
    }
