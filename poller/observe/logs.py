"""Log lines from facts: readable on a terminal, JSON otherwise. Nothing else in the program writes to standard error.

The event is the fact's name in words, its fields are the line's keys. Output of functions keeps its own words as the event.

An invocation has three lines of its own, so telling one must be cheap: facts are gathered, and become lines and leave together, a few
milliseconds later at most. Whoever made the log flushes it before the program ends.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TextIO

import orjson

from poller.observe import events
from poller.observe.events import Fact, FunctionLogged

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_NAMES = {number: name for name, number in LEVELS.items()}

FLUSH_SECONDS = 0.005
"""What a line waits at most for others: at 2,000 invocations a second a write each would be a tenth of an invocation's cost.

Lines that are made one after the other, instead of one between every two steps of an invocation, cost half.
"""
FLUSH_SIZE = 64 * 1024
"""Characters that gather at most: as many as a pipe holds, most being ASCII."""
FACT_SIZE = 256
"""What a fact counts for, beyond a function's line."""

_ERRORS = (
    events.ConfigurationRefusedError,
    events.DefectFoundError,
    events.MappingStalledError,
    events.ProgressMissedError,
)
_WARNINGS = (
    events.AuditPostponed,
    events.BreakerOpened,
    events.DeliveryFailedError,
    events.DeliveryPostponedError,
    events.DestinationFailedError,
    events.EngineFailedError,
    events.EventDropped,
    events.FailuresForgotten,
    events.LeaseLostError,
    events.LedgerFailedError,
    events.LogEventsDropped,
    events.LogShippingFailedError,
    events.LogStoreFailedError,
    events.MappingRebuilt,
    events.PositionMoved,
    events.RecordsDiscarded,
    events.RecordsUnsettledError,
    events.RemoteFailedError,
    events.SourceFailedError,
    events.TemplatePassedOver,
    events.UrlAnswerUnusable,
    events.UrlPortFailedError,
)
_INFOS = (
    events.BreakerClosed,
    events.BreakerProbed,
    events.ConfigurationReloaded,
    events.DestinationRecovered,
    events.FunctionLogged,
    events.ImageResolved,
    events.PartitionsRevoked,
    events.RecordsResumed,
    events.SourceOpened,
    events.StopBegan,
    events.StopEnded,
    events.MappingRecovered,
    events.MappingStarted,
    events.MappingEnded,
    events.PortOpened,
    events.SandboxChosen,
    events.UrlOpened,
)
_SEVERITY: dict[type[Fact], int] = (
    dict.fromkeys(_INFOS, LEVELS["info"])
    | dict.fromkeys(_WARNINGS, LEVELS["warning"])
    | dict.fromkeys(_ERRORS, LEVELS["error"])
)


def level(fact: Fact) -> int:
    """How severe a fact is; hot-path facts are debug unless something failed, and so is what has been told before."""
    severity = _SEVERITY.get(type(fact), LEVELS["debug"])
    if type(fact) in _DEPENDS:
        if getattr(fact, "known", False):
            return LEVELS["debug"]
        if getattr(fact, "error_type", None) or getattr(fact, "why", None):
            return max(severity, LEVELS["warning"])
    return severity


class Log:
    """Where facts become lines; an ``Emit``. format_: auto, text or json; least: level below which nothing is written."""

    def __init__(self, format_: str, least: str, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        text = format_ == "text" or (format_ == "auto" and self._stream.isatty())
        self._render = _text(colors=self._stream.isatty()) if text else _json
        self._threshold = LEVELS[least]
        self._facts: list[tuple[int, int, Fact]] = []  # when (nanoseconds), how severe, what
        self._size = 0

    def __call__(self, fact: Fact) -> None:
        """Write the fact if it is severe enough."""
        severity = level(fact)
        if severity >= self._threshold:
            self._facts.append((time.time_ns(), severity, fact))
            self._size += FACT_SIZE + (len(fact.line) if type(fact) is FunctionLogged else 0)
            if self._size >= FLUSH_SIZE:
                self.flush()
            elif len(self._facts) == 1:
                self._flush_soon()

    def flush(self) -> None:
        """What is gathered leaves now."""
        if self._facts:
            facts, self._facts, self._size = self._facts, [], 0
            lines = [self._render(_line(at, _NAMES[severity], fact)) for at, severity, fact in facts]
            self._stream.buffer.write(b"".join(lines))
            self._stream.buffer.flush()

    def _flush_soon(self) -> None:
        try:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        except RuntimeError:  # no loop runs: nobody would come back for it
            self.flush()


Render = Callable[[dict[str, Any]], bytes]
"""What a line says, by key -> the line, with its end."""


def _text(*, colors: bool) -> Render:
    import structlog  # noqa: PLC0415  # a fifth of a second and megabytes, for terminals only

    console = structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=0)

    def render(line: dict[str, Any]) -> bytes:
        return console(None, line["level"], line).encode(errors="replace") + b"\n"

    return render


def _json(line: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(line, default=str, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # half of a surrogate pair, in a file's name say
        return json.dumps(line, default=str).encode() + b"\n"


def _timestamp(nanoseconds: int) -> str:
    """ISO 8601 with microseconds; the part that changes once a second is made once a second."""
    seconds = nanoseconds // 1_000_000_000
    return f"{_second(seconds)}.{nanoseconds // 1000 % 1_000_000:06d}Z"


@lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _line(at: int, severity: str, fact: Fact) -> dict[str, Any]:
    """at: nanoseconds since the epoch."""
    if type(fact) is FunctionLogged:
        return {
            "timestamp": _timestamp(at),
            "level": severity,
            "event": fact.line,
            "function": fact.function,
            "log_stream": fact.log_stream,
            "request_id": fact.request_id,
            "platform": fact.platform,
        }
    name, fields = _SHAPES[type(fact)]
    line = {"timestamp": _timestamp(at), "level": severity, "event": name}
    return line | {field: getattr(fact, field) for field in fields}


def _shape(kind: type[Fact]) -> tuple[str, tuple[str, ...]]:
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", kind.__name__).lower().removesuffix(" error")
    one: Any = kind  # a dataclass, as its base is not: some are frozen
    return words, tuple(field.name for field in dataclasses.fields(one))


_SHAPES = {kind: _shape(kind) for kind in Fact.__subclasses__()}
_DEPENDS = frozenset(kind for kind, (_, fields) in _SHAPES.items() if {"error_type", "why", "known"} & set(fields))
