"""Log lines from facts: readable on a terminal, JSON otherwise. Nothing else in the program writes to standard error.

The event is the fact's name in words, its fields are the line's keys. Output of functions keeps its own words as the event.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from typing import Any, TextIO

import orjson
import structlog

from poller.observe import events
from poller.observe.events import Emit, Fact, FunctionLogged

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

_WARNINGS = (events.LeaseLostError, events.RecordsUnsettledError, events.SourceFailedError)
_INFOS = (
    events.FunctionLogged,
    events.SourceOpened,
    events.StopBegan,
    events.StopEnded,
    events.MappingStarted,
    events.PortOpened,
)


def level(fact: Fact) -> int:
    """How severe a fact is; hot-path facts are debug unless something failed."""
    if isinstance(fact, events.DefectFoundError):
        return LEVELS["error"]
    if isinstance(fact, _WARNINGS) or getattr(fact, "error_type", None) or getattr(fact, "why", None):
        return LEVELS["warning"]
    return LEVELS["info"] if isinstance(fact, _INFOS) else LEVELS["debug"]


def emitter(format_: str, least: str, stream: TextIO | None = None) -> Emit:
    """Where facts become lines. format_: auto, text or json; least: level below which nothing is written."""
    stream = stream or sys.stderr
    text = format_ == "text" or (format_ == "auto" and stream.isatty())
    write = _logger(text=text, stream=stream)
    threshold = LEVELS[least]

    def emit(fact: Fact) -> None:
        severity = level(fact)
        if severity >= threshold:
            event, fields = _words(fact)
            write.log(severity, event, **fields)

    return emit


def _logger(*, text: bool, stream: TextIO) -> Any:
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    if text:
        target: Any = structlog.WriteLogger(stream)
        render: Any = structlog.dev.ConsoleRenderer(colors=stream.isatty(), pad_event_to=0)
    else:
        target = structlog.BytesLogger(stream.buffer)
        render = structlog.processors.JSONRenderer(serializer=_json)
    return structlog.wrap_logger(
        target,
        processors=[structlog.processors.add_log_level, stamp, render],
        wrapper_class=structlog.make_filtering_bound_logger(0),
    ).bind()


def _json(line: dict[str, Any], **_: Any) -> bytes:
    return orjson.dumps(line, default=str)


def _words(fact: Fact) -> tuple[str, dict[str, Any]]:
    name, fields = _SHAPES[type(fact)]
    values = {field: getattr(fact, field) for field in fields}
    if isinstance(fact, FunctionLogged):
        return values.pop("line"), values
    return name, values


def _shape(kind: type[Fact]) -> tuple[str, tuple[str, ...]]:
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", kind.__name__).lower().removesuffix(" error")
    return words, tuple(field.name for field in dataclasses.fields(kind))


_SHAPES = {kind: _shape(kind) for kind in Fact.__subclasses__()}
