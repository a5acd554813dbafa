"""The filters of one mapping: a record passes if any of them lets it through (Lambda DG, Event filtering).

What a filter of an SQS mapping sees is the record of the event, ``body`` decoded if the filter wants an object there.
A body that is JSON against a pattern of plain strings, and the other way round, is a mismatch that drops the record
(Lambda DG, filtering with Amazon SQS).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from poller.pipeline.filter.compile import Rule, parse, rules
from poller.pipeline.filter.error import FilterError
from poller.pipeline.filter.match import fits, matches
from poller.pipeline.filter.operators import Members
from poller.pipeline.filter.path import everything

MAX_FILTERS = 10
"""Filters a mapping may have: AWS's quota is 5, and 10 when raised."""

_NOT_JSON: Any = object()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one filter did not let a record through. path, demand: the first field that failed; found: what stood there."""

    index: int
    path: str
    demand: str
    found: str

    def __str__(self) -> str:
        return f"filter [{self.index}] refuses it: {self.path} must match {self.demand}, but is {self.found}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """admitted_by: index of the filter that lets it through, None when all refuse."""

    admitted_by: int | None
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """One pattern, compiled. wants: what it demands of the content: ``object``, ``text``, or ``nothing``."""

    rules: list[Rule]
    wants: str

    def match(self, view: Mapping[str, Any]) -> bool:
        """Whether the view has what any of the rules demands."""
        return any(matches(view, rule) for rule in self.rules)


class Criteria:
    """Compiled filters; ask as often as you like."""

    def __init__(self, filters: Sequence[Filter], content_key: str) -> None:
        self._filters = filters
        self._key = content_key
        self._decodes = any(one.wants != "nothing" for one in filters)

    def match(self, view: Mapping[str, Any]) -> bool:
        """Whether any filter matches what is given, taken as it is, content decoded already."""
        return any(one.match(view) for one in self._filters)

    def admits(self, record: Mapping[str, Any]) -> bool:
        """Whether a record of an event, its content a string, is delivered."""
        content = _decode(record[self._key]) if self._decodes else _NOT_JSON
        for one in self._filters:
            view = self._view(one, record, content)
            if view is not None and one.match(view):
                return True
        return False

    def explain(self, record: Mapping[str, Any]) -> Explanation:
        """Which filter lets the record through, or what each of them misses."""
        content = _decode(record[self._key]) if self._decodes else _NOT_JSON
        refusals = []
        for index, one in enumerate(self._filters):
            view = self._view(one, record, content)
            if view is not None and one.match(view):
                return Explanation(index, tuple(refusals))
            refusals.append(self._refusal(index, one, view))
        return Explanation(None, tuple(refusals))

    def _view(self, one: Filter, record: Mapping[str, Any], content: Any) -> Mapping[str, Any] | None:
        """What the filter sees of the record; None when its content is of the wrong kind."""
        if one.wants == "nothing":
            return record
        if (one.wants == "object") != (content is not _NOT_JSON):
            return None
        return {**record, self._key: content} if one.wants == "object" else record

    def _refusal(self, index: int, one: Filter, view: Mapping[str, Any] | None) -> Refusal:
        if view is None:
            kinds = {"object": ("a JSON text", "not JSON"), "text": ("a text that is not JSON", "JSON")}
            return Refusal(index, self._key, *kinds[one.wants])
        for field in one.rules[0]:
            if not fits(view, field):
                found = orjson.dumps(list(everything(view, field.path))[:3]).decode()
                return Refusal(index, field.path.text, field.leaf.text, "absent" if found == "[]" else found)
        return Refusal(index, self._key, "all fields in one element of an array", "spread over several")


def compile_criteria(patterns: Sequence[object], content_key: str = "body") -> Criteria:
    """Compile the filters of a mapping. patterns: objects, or JSON texts of objects. Raises ``FilterError`` with its place."""
    if len(patterns) > MAX_FILTERS:
        raise FilterError(f"{len(patterns)} filters, {MAX_FILTERS} are allowed")
    filters = []
    for index, pattern in enumerate(patterns):
        try:
            members = parse(pattern)
            filters.append(Filter(rules(members), _wants(members, content_key)))
        except FilterError as error:
            raise FilterError(error.reason, path=error.path, index=index) from None
    return Criteria(filters, content_key)


def _wants(members: Members, key: str) -> str:
    """What a pattern demands of the content, wherever in it, ``$or`` included."""
    kinds = {_kind(name, value, key) for name, value in members} - {"nothing"}
    return "object" if "object" in kinds else "text" if kinds else "nothing"


def _kind(name: str, value: Any, key: str) -> str:
    if name == "$or" and isinstance(value, list):
        kinds = {_wants(branch, key) for branch in value if isinstance(branch, Members)}
        return "object" if "object" in kinds else "text" if "text" in kinds else "nothing"
    if name == key:
        return "object" if isinstance(value, Members) else "text"
    return "object" if name.startswith(f"{key}.") else "nothing"


def _decode(content: Any) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return _NOT_JSON
