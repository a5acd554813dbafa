"""What an environment tells of its INIT. Pure.

phase: init, or invoke for one that is repeated on an invocation's time. failure: its error type, "" for none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from poller.execution.contract import FunctionSpec
from poller.execution.extensions.extension import Extension
from poller.execution.logs.words import error_type
from poller.execution.telemetry.facts import ExtensionSeen, InitMetrics, InitReport, InitRuntimeDone

TIMED_OUT = "Sandbox.Timedout"


def runtime_done(spec: FunctionSpec, phase: str, failure: str) -> InitRuntimeDone:
    """The runtime has asked for its first event, or will not."""
    status, kind = _outcome(failure)
    return InitRuntimeDone(initialization_type=spec.initialization_type, phase=phase, status=status, error_type=kind)


def extensions_seen(extensions: Iterable[Extension]) -> Iterator[ExtensionSeen]:
    """What has become of each."""
    for one in extensions:
        yield ExtensionSeen(
            name=one.name, state=one.state.value, events=list(one.events), error_type=error_type(one.error_type)
        )


def report(spec: FunctionSpec, phase: str, failure: str, milliseconds: float) -> InitReport:
    """All of it is over, extensions included."""
    status, kind = _outcome(failure)
    return InitReport(
        initialization_type=spec.initialization_type,
        metrics=InitMetrics(duration_ms=round(milliseconds, 3)),
        phase=phase,
        status=status,
        error_type=kind,
    )


def _outcome(failure: str) -> tuple[str, str]:
    """Status and error type; a timeout has none."""
    if not failure:
        return "success", ""
    return ("timeout", "") if failure == TIMED_OUT else ("error", error_type(failure))
