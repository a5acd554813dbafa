"""What a mapping did, what is the matter with it and what was changed of it, as lines for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from poller.control import history, positions

Said = dict[str, Any]
MOVED = "moved"
"""What the record calls a jump in a stream."""


def entries(state: Path, mapping: str) -> list[Said]:
    """All that was changed of a mapping, oldest first: jumps with the words of ``rewind --json``, else ``keys``. Raises StoreError."""
    found = [_jump(each) for each in positions.log(state, mapping)] + [
        _line(each) for each in history.log(state, mapping)
    ]
    return sorted(found, key=lambda entry: str(entry["moment"]))


def rows(entry: Said) -> Iterator[tuple[str, ...]]:
    """When, who, what, of what (a partition or a key), from, to, why; a row for each key."""
    head = entry["moment"], entry["who"], entry["what"]
    if entry["what"] == MOVED:
        yield (*head, entry["partition"] or "all", entry["from"] or "-", entry["to"] or "-", entry["why"])
        return
    for key, change in entry["keys"].items() or [("", {})]:
        yield (*head, key, *(_value(change[end]) if change else "" for end in ("from", "to")), entry["why"])


def _changes(found: list[Said]) -> Iterator[str]:
    for entry in found:
        for moment, who, what, of, before, after, why in rows(entry):
            change = f" {of}: {before} -> {after}" if of else ""
            yield f"{moment} {who} {what}{change}" + (f" ({why})" if why else "")


def _reasons(found: list[Said]) -> Iterator[str]:
    for reason in found:
        moments = [f"{word} {reason[word]}" for word in ("since", "until") if word in reason]
        yield reason["sentence"] + (f" ({', '.join(moments)})" if moments else "")


def _last(found: Said) -> Iterator[str]:
    for what, details in found.items():
        rest = [f"{key} {_value(value)}" for key, value in details.items() if key != "at"]
        yield f"{what}: {details['at']}" + (f", {', '.join(rest)}" if rest else "")


LINES: Mapping[str, Callable[[Any], Iterator[str]]] = {"reasons": _reasons, "last": _last, "changes": _changes}
"""What has lines of its own in an explanation."""


def _jump(jump: positions.Jump) -> Said:
    moved = {"partition": jump.partition or None, "from": jump.before, "to": jump.after}
    return {"moment": jump.moment, "who": jump.who, "mapping": jump.mapping, "what": MOVED, **moved, "why": jump.why}


def _line(line: history.Line) -> Said:
    keys = {key: {"from": before, "to": after} for key, (before, after) in line.keys.items()}
    who = {"moment": line.moment, "epoch": line.by.epoch, "who": line.by.who}
    return {**who, "mapping": line.mapping, "what": line.what, "keys": keys, "why": line.by.why}


def _value(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value)
