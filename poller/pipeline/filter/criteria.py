"""All filters of one mapping, compiled once: what passes, and why something does not.

Filters are alternatives, and so are the rules of each. Nothing here fails at run time: what can be wrong with a filter
is found by ``compile_criteria``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from poller.pipeline.filter.compile import compile_filter
from poller.pipeline.filter.content import Reads, SqsViews, reads
from poller.pipeline.filter.error import FilterError
from poller.pipeline.filter.match import Rule
from poller.pipeline.filter.path import everything

MAX_FILTERS = 10
"""Filters of one mapping: 5 by default, 10 with AWS's raised quota (Lambda quotas)."""

SHOWN_CHARACTERS = 200
"""How much of a record's value an explanation repeats."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one rule of one filter did not let a record through.

    filter: index of the filter. path: the field, dotted; several joined by ", " where each alone would pass but no
    one element of an array has them all. demand: the pattern's JSON for it. saw: JSON of the values found there,
    "nothing" where there were none.
    """

    filter: int
    path: str
    demand: str
    saw: str

    def __str__(self) -> str:
        """``filter [0]: body.status must be ["paid"], saw "open"``."""
        return f"filter [{self.filter}]: {self.path} must be {self.demand}, saw {self.saw}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What became of one record.

    passed: index of the first filter that lets it through; None when none does, or when there are no filters.
    refusals: one per rule tried in vain.
    """

    admitted: bool
    passed: int | None
    refusals: tuple[Refusal, ...]


class Alternative(NamedTuple):
    """One rule, the filter it comes from, and what it reads of the content."""

    filter: int
    rule: Rule
    reads: Reads


class Criteria:
    """The filters of one mapping. Immutable; its methods never raise, whatever JSON they are given."""

    __slots__ = ("_alternatives", "_key")

    def __init__(self, alternatives: Sequence[Alternative], content_key: str) -> None:
        self._alternatives = tuple(alternatives)
        self._key = content_key

    @property
    def beyond_lambda(self) -> tuple[str, ...]:
        """Where the filters use operators that Lambda's documentation does not list: ``filter [0] at body.name: wildcard``."""
        found = (
            f"filter [{index}] at {field.name}: {operator}"
            for index, rule, _ in self._alternatives
            for field in rule.fields
            for operator in field.leaf.beyond_lambda
        )
        return tuple(dict.fromkeys(found))  # $or repeats a field in each of its rules

    def match(self, view: object) -> bool:
        """Whether a view passes: a record whose content is decoded already. What is no object never passes a filter."""
        if not self._alternatives:
            return True
        return isinstance(view, Mapping) and any(rule.matches(view) for _, rule, _ in self._alternatives)

    def admits(self, record: Mapping[str, Any]) -> bool:
        """Whether a record passes, shaped as in AWS's event; its content is decoded as far as the filters need it."""
        if not self._alternatives:
            return True
        views = SqsViews(record, self._key)
        for _, rule, what in self._alternatives:
            view = views.of(what)
            if view is not None and rule.matches(view):
                return True
        return False

    def explain(self, record: Mapping[str, Any]) -> Explanation:
        """Answer as ``admits``, with the reasons. Slow: for people."""
        views = SqsViews(record, self._key)
        refusals: list[Refusal] = []
        for index, rule, what in self._alternatives:
            view = views.of(what)
            if view is None:
                refusals.append(Refusal(index, self._key, what.value, views.why_not()))
            elif rule.matches(view):
                return Explanation(admitted=True, passed=index, refusals=tuple(refusals))
            else:
                refusals.append(refusal(index, rule, view))
        return Explanation(admitted=not self._alternatives, passed=None, refusals=tuple(refusals))


def refusal(index: int, rule: Rule, view: Mapping[str, Any]) -> Refusal:
    """Say what a rule that does not match has against the view."""
    for field in rule.fields:
        values = list(everything(view, field.way))
        if not (any(map(field.leaf.test, values)) if values else field.leaf.absent):
            return Refusal(index, field.name, field.leaf.text, shown(values))
    names = ", ".join(field.name for field in rule.fields)
    demands = ", ".join(field.leaf.text for field in rule.fields)
    return Refusal(index, names, f"{demands} in one element of an array", "them in different elements")


def shown(values: list[Any]) -> str:
    """Values as JSON, cut short."""
    text = ", ".join(json.dumps(value) for value in values) or "nothing"
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."


def compile_criteria(patterns: Sequence[object], content_key: str = "body") -> Criteria:
    """Compile the filters of a mapping: each a mapping, or JSON text of an object. None at all let everything pass.

    content_key: the key of a record that holds the message itself. Raises ``FilterError``, which names the filter and
    the path.
    """
    if len(patterns) > MAX_FILTERS:
        raise FilterError(f"{len(patterns)} filters, more than {MAX_FILTERS}")
    alternatives: list[Alternative] = []
    for index, pattern in enumerate(patterns):
        try:
            rules = compile_filter(pattern)
        except FilterError as error:
            error.index = index
            raise
        alternatives += [Alternative(index, rule, reads(rule, content_key)) for rule in rules]
    return Criteria(alternatives, content_key)
