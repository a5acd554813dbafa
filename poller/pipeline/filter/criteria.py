"""All filters of one mapping, compiled once: what passes, and why something does not.

Filters are alternatives, and so are the rules of each. Nothing here fails at run time: what can be wrong with a filter
is found by ``compile_criteria``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from poller.envelope.content import Content
from poller.pipeline.filter.compile import compile_filter
from poller.pipeline.filter.content import Reads, Views, complaint, reads, without_content
from poller.pipeline.filter.error import FilterError
from poller.pipeline.filter.match import Rule
from poller.pipeline.filter.path import everything

MAX_FILTERS = 10
"""Filters of one mapping: 5 by default, 10 with AWS's raised quota (Lambda quotas)."""

SQS = Content("body")

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
    """One rule, the filter it comes from, and what it reads of the content.

    rest: the rule that decides instead where the content is of the wrong kind; None: then it refuses.
    """

    filter: int
    rule: Rule
    reads: Reads
    rest: Rule | None


class Criteria:
    """The filters of one mapping. Immutable; its methods never raise, whatever JSON they are given."""

    __slots__ = ("_alternatives", "_content")

    def __init__(self, alternatives: Sequence[Alternative], content: Content) -> None:
        self._alternatives = tuple(alternatives)
        self._content = content

    @property
    def beyond_lambda(self) -> tuple[str, ...]:
        """Where the filters use operators that Lambda's documentation does not list: ``filter [0] at body.name: wildcard``."""
        found = (
            f"filter [{index}] at {field.name}: {operator}"
            for index, rule, *_ in self._alternatives
            for field in rule.fields
            for operator in field.leaf.beyond_lambda
        )
        return tuple(dict.fromkeys(found))  # $or repeats a field in each of its rules

    def match(self, view: object) -> bool:
        """Whether a view passes: a record whose content is decoded already. What is no object never passes a filter."""
        if not self._alternatives:
            return True
        return isinstance(view, Mapping) and any(each.rule.matches(view) for each in self._alternatives)

    def admits(self, record: Mapping[str, Any]) -> bool:
        """Whether a record passes, shaped as in AWS's event; its content is decoded as far as the filters need it."""
        if not self._alternatives:
            return True
        views = Views(record, self._content)
        for _, rule, what, rest in self._alternatives:
            view = views.of(what)
            if view is not None:
                if rule.matches(view):
                    return True
            elif rest is not None and rest.matches(views.bare()):
                return True
        return False

    def explain(self, record: Mapping[str, Any]) -> Explanation:
        """Answer as ``admits``, with the reasons. Slow: for people."""
        views = Views(record, self._content)
        refusals: list[Refusal] = []
        for index, rule, what, rest in self._alternatives:
            view, deciding = views.of(what), rule
            if view is None:
                if rest is None:
                    refusals.append(Refusal(index, self._content.key, what.value, views.why_not()))
                    continue
                view, deciding = views.bare(), rest
            if deciding.matches(view):
                return Explanation(admitted=True, passed=index, refusals=tuple(refusals))
            refusals.append(refusal(index, deciding, view))
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


def compile_criteria(patterns: Sequence[object], content: Content = SQS) -> Criteria:
    """Compile the filters of a mapping: each a mapping, or JSON text of an object. None at all let everything pass.

    content: of the source's records (``Envelope.content``). Raises ``FilterError``, which names the filter and the path.
    """
    if len(patterns) > MAX_FILTERS:
        raise FilterError(f"{len(patterns)} filters, more than {MAX_FILTERS}")
    alternatives: list[Alternative] = []
    for index, pattern in enumerate(patterns):
        try:
            alternatives += [alternative(index, rule, content) for rule in compile_filter(pattern)]
        except FilterError as error:
            error.index = index
            raise
    return Criteria(alternatives, content)


def alternative(index: int, rule: Rule, content: Content) -> Alternative:
    """One rule of a filter, for records of such content. Raises ``FilterError`` without an index."""
    error = complaint(rule, content)
    if error is not None:
        raise error
    return Alternative(
        index, rule, reads(rule, content.key), without_content(rule, content) if content.ignored else None
    )
