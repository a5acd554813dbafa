"""What each mapping did last: fetched, invoked, was answered, got done. From facts; for health and operators, never for the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from poller.observe import events as e
from poller.observe.events import Fact

DONE = frozenset({"delivered", "filtered", "rejected"})
"""Outcomes that a record leaves its source with."""


@dataclass(slots=True, kw_only=True)
class Course:
    """Of one mapping. Moments are epoch seconds, None before the first. done: records that have left their source.

    fetched, batch, answer, error: what is shown of the last of each. failures: batches in a row of which nothing was delivered.
    """

    done: int = 0
    done_at: float | None = None
    fetched: dict[str, Any] = field(default_factory=dict)
    batch: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] = field(default_factory=dict)
    failures: int = 0
    failing_since: float | None = None
    failed_at: float | None = None


class Courses:
    """Of all mappings. now: epoch seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._courses: dict[str, Course] = {}
        self._on: dict[type[Fact], Callable[[Any], object]] = {
            e.RecordsPolled: self._polled,
            e.BatchCut: self._cut,
            e.BatchJudged: self._judged,
            e.RecordsSettled: self._settled,
            e.MappingEnded: lambda fact: self._courses.pop(fact.mapping, None),
        }

    def of(self, mapping: str) -> Course:
        """A mapping's, empty while it has done nothing."""
        found = self._courses.get(mapping)
        if found is None:
            found = self._courses[mapping] = Course()
        return found

    def emit(self, fact: Fact) -> None:
        """Note what tells of a mapping's course."""
        if on := self._on.get(type(fact)):
            on(fact)

    def _polled(self, fact: e.RecordsPolled) -> None:
        self.of(fact.mapping).fetched = {"at": self._now(), "records": fact.count}

    def _cut(self, fact: e.BatchCut) -> None:
        self.of(fact.mapping).batch = {"at": self._now(), "records": fact.count, "cut by": fact.reason}

    def _judged(self, fact: e.BatchJudged) -> None:
        course, now = self.of(fact.mapping), self._now()
        course.answer = {
            "at": now,
            "verdict": fact.verdict,
            "delivered": fact.delivered,
            "failed": fact.failed,
            "request_id": fact.request_id,
        }
        if fact.why:
            course.error = {"at": now, "function": fact.function, "error": fact.why, "request_id": fact.request_id}
            course.error |= {"message": fact.message} if fact.message else {}
        if fact.verdict == "failed":
            course.failures += 1
            course.failed_at = now
            course.failing_since = now if course.failing_since is None else course.failing_since
        else:
            course.failures, course.failing_since = 0, None

    def _settled(self, fact: e.RecordsSettled) -> None:
        if fact.outcome in DONE:
            course = self.of(fact.mapping)
            course.done += fact.count
            course.done_at = self._now()
