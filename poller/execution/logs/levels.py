"""What a log in JSON format leaves out: application lines by their ``level``, platform events by what they say. Pure.

Source: Lambda DG, Log-level filtering, with its table of system events.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from poller.execution.contract import ON_DEMAND
from poller.execution.telemetry.facts import (
    ExtensionLine,
    ExtensionSeen,
    Fact,
    Fault,
    FunctionLine,
    InitReport,
    InitRuntimeDone,
    InitStart,
    LogsDropped,
    Report,
    RestoreReport,
    RestoreRuntimeDone,
    RestoreStart,
    RuntimeDone,
    Start,
    Subscribed,
)

RANKS = {name: rank for rank, name in enumerate(("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"))}
_OF_LINES = RANKS | {"WARNING": RANKS["WARN"], "CRITICAL": RANKS["FATAL"]}  # as Python's client spells them
_SUCCESS = frozenset({"", "success"})


def application(record: Mapping[str, Any], otherwise: str = "") -> int:
    """Rank of a line that is a JSON object. otherwise: the level that its frame told. Neither valid: INFO's."""
    level = record.get("level")
    found = _OF_LINES.get(level.upper()) if isinstance(level, str) else None
    return RANKS.get(otherwise, RANKS["INFO"]) if found is None else found


def system(fact: Fact) -> int:
    """Rank of a platform event."""
    return RANKS[_system(fact)]


def _system(fact: Fact) -> str:
    match fact:
        case InitStart() | RestoreStart():
            level = "INFO" if fact.runtime_version else "DEBUG"
        case InitRuntimeDone() | RestoreRuntimeDone() | RuntimeDone():
            level = "DEBUG" if fact.status in _SUCCESS else "WARN"
        case InitReport() if fact.status in _SUCCESS:
            level = "DEBUG" if fact.initialization_type == ON_DEMAND else "INFO"
        case RestoreReport() | Report():
            level = "INFO" if fact.status in _SUCCESS else "WARN"
        case ExtensionSeen():
            level = "WARN" if fact.error_type else "INFO"
        case InitReport() | LogsDropped() | Fault():
            level = "WARN"
        case Start() | Subscribed() | FunctionLine() | ExtensionLine():
            level = "INFO"
    return level
