"""Facts as events: ``{"time", "type", "record"}``, by schema. Pure.

The same events, one a line, are the platform's lines in a function's log when its format is JSON.
Sources: Lambda DG, Telemetry API event schema reference and Lambda Logs API; service samples in tests/golden/events/telemetry.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from poller.execution.telemetry.facts import (
    ExtensionLine,
    ExtensionSeen,
    Fact,
    Fault,
    FunctionLine,
    LogsDropped,
    Report,
    RuntimeDone,
    Start,
    Subscribed,
)

TELEMETRY_SCHEMAS = ("2022-07-01", "2022-12-13", "2025-01-29")
CONCURRENT_SCHEMAS = ("2025-01-29",)
"""Of the Telemetry API where invocations run beside each other."""
LOGS_SCHEMAS = ("2020-08-15", "2021-03-18")

_MEGABYTES = {"memory_size_mb": "memorySizeMB", "max_memory_used_mb": "maxMemoryUsedMB"}
_IN_LOGS = (Start, Report, RuntimeDone, ExtensionSeen, Subscribed, LogsDropped, Fault)
_KEPT_IN_LOGS = {
    Start: ("requestId", "version"),
    Report: ("requestId", "metrics"),
    RuntimeDone: ("requestId", "status"),
}


def category(fact: Fact) -> str:
    """What one subscribes to: platform, function or extension."""
    return fact.event.partition(".")[0]


def events(fact: Fact, at: float, schema: str) -> Iterator[bytes]:
    """The fact's events under a schema, as JSON: one, none where the schema has no such thing, or two (the Logs API's end and report).

    at: seconds since the epoch.
    """
    if schema in LOGS_SCHEMAS:
        return (_event(kind, at, record) for kind, record in _logs_records(fact, schema))
    return iter(()) if isinstance(fact, Fault) else iter((event(fact, at),))


def event(fact: Fact, at: float) -> bytes:
    """The fact as the Telemetry API's event, and as a line of a log in JSON format."""
    return _event(fact.event, at, record(fact))


def record(fact: Fact) -> Any:
    """What stands under ``record``."""
    if isinstance(fact, Fault):
        return fact.text
    return fact.record if isinstance(fact, (FunctionLine, ExtensionLine)) else _fields(fact)


def line(text: str, *, json_format: bool) -> str | Mapping[str, Any]:
    """A written line as a record: an object where the function's log format is JSON and the line is one."""
    if json_format and text.startswith("{"):
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
        if isinstance(value, dict):
            return value
    return text


def timestamp(at: float) -> str:
    """Seconds since the epoch as the service writes times: UTC, milliseconds, Z."""
    moment = dt.datetime.fromtimestamp(at, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _event(kind: str, at: float, value: Any) -> bytes:
    return orjson.dumps({"time": timestamp(at), "type": kind, "record": value})


def _logs_records(fact: Fact, schema: str) -> Iterator[tuple[str, Any]]:
    if isinstance(fact, (FunctionLine, ExtensionLine)):
        yield fact.event, fact.record if isinstance(fact.record, str) else orjson.dumps(fact.record).decode()
    if not isinstance(fact, _IN_LOGS) or (isinstance(fact, RuntimeDone) and schema == LOGS_SCHEMAS[0]):
        return
    if isinstance(fact, Report):
        yield "platform.end", {"requestId": fact.request_id}
    kind = "platform.logsSubscription" if isinstance(fact, Subscribed) else fact.event
    value, kept = record(fact), _KEPT_IN_LOGS.get(type(fact))
    yield kind, value if kept is None else {name: value[name] for name in kept}


def _fields(value: Any) -> dict[str, Any]:
    found = {}
    for field in dataclasses.fields(value):
        given = getattr(value, field.name)
        if given is not None and given not in ("", ()):
            found[_MEGABYTES.get(field.name) or _camel(field.name)] = _value(field.name, given)
    return found


def _value(name: str, given: Any) -> Any:
    if isinstance(given, tuple):
        return [_fields(one) for one in given]
    if dataclasses.is_dataclass(given):
        return _fields(given)
    return timestamp(given) if name == "start" else given


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
