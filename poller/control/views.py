"""What is told of mappings: whether each works and why not (/readyz), and how far it has come (operators). Reads; changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from poller.control.configured import Configured
from poller.control.health import Health
from poller.control.reasons import Reason, reasons
from poller.control.stranded import Stranded
from poller.control.surveys import Survey
from poller.observe.ages import Ages
from poller.observe.courses import Course, Courses
from poller.pipeline.mapping import Mapping as QueueMapping
from poller.pipeline.stream import StreamMapping


class Views:
    """Of all mappings of a configuration, in its order. stopping: whether the daemon is. stranded: mappings that are in none."""

    def __init__(
        self,
        configured: Configured,
        ages: Ages,
        courses: Courses,
        health: Health,
        stopping: Callable[[], bool],
        *,
        stranded: Callable[[], Mapping[str, Stranded]],
    ) -> None:
        self._configured = configured
        self._ages = ages
        self._courses = courses
        self._health = health
        self._stopping = stopping
        self._stranded = stranded

    def readiness(self) -> list[dict[str, Any]]:
        """Each mapping, whether it works, and why not."""
        return [self._readiness(name) for name in self._configured.settings.event_source_mappings]

    async def operators(self) -> list[dict[str, Any]]:
        """The same, with how far each has come, and what waits in its source; then those that no configuration can have as things are."""
        found = await asyncio.gather(*(self._survey(name) for name in self._configured.settings.event_source_mappings))
        at_work = [
            view | self._progress(view["mapping"]) | survey.told() | self._explained(view["mapping"], survey.lag)
            for view, survey in zip(self.readiness(), found, strict=True)
        ]
        return [
            *at_work,
            *(
                _of_stranded(name, each) | self._explained(name, None)
                for name, each in sorted(self._stranded().items())
            ),
        ]

    def in_hand(self) -> dict[str, int]:
        """Records fetched and not settled, by mapping."""
        mappings = {name: running.mapping for name, running in self._configured.mappings.items()}
        return {name: mapping.in_hand for name, mapping in mappings.items() if mapping is not None}

    def _readiness(self, name: str) -> dict[str, Any]:
        view = self._at_work(name)
        since = self._health.stalled_since(name)
        if since is None or view["state"] not in {"connecting", "polling"}:
            return view
        why = "; ".join(reason.sentence for reason in reasons(self._health.look(name)))
        rebuilt = ", and was begun anew" if self._health.rebuilt(name) else ""
        trouble = f"it has stood still since {_time(since)}{rebuilt}: {why}"
        return view | {"ready": False, "healthy": False, "stalled_since": _time(since), "trouble": trouble}

    def _explained(self, name: str, lag: int | None) -> dict[str, Any]:
        """Why it does not invoke now, and what it did last."""
        found = reasons(self._health.look(name, lag))
        return {"reasons": [_reason(each) for each in found], "last": _last(self._courses.of(name))}

    def _at_work(self, name: str) -> dict[str, Any]:
        settings, running = self._configured.settings.event_source_mappings[name], self._configured.mappings.get(name)
        shown = {"mapping": name, "function": settings.function, "source": settings.source.type}
        if running is None:
            return shown | {"ready": True, "state": "disabled"}
        if self._stopping():
            return shown | {"ready": False, "state": "stopping"}
        if running.state != "running":
            return shown | {"ready": True, "state": running.state}
        mapping = running.mapping
        trouble = running.trouble or (mapping.link.trouble if mapping else "")
        identity = mapping.link.identity if mapping else None
        if mapping is None or identity is None or trouble:
            return shown | {"ready": False, "state": "connecting", "trouble": trouble}
        told = _of_stream(mapping) if isinstance(mapping, StreamMapping) else _of_queue(mapping)
        breaker = mapping.gate.breaker
        if breaker is not None:
            told["circuit_breaker"] = breaker.state
            if breaker.state != "closed":
                told.setdefault("trouble", f"the circuit breaker is {breaker.state}: {breaker.cause}")
        return shown | {"ready": "trouble" not in told, "state": "polling", "from": identity.label} | told

    def _progress(self, name: str) -> dict[str, Any]:
        running = self._configured.mappings.get(name)
        if running is None or not isinstance(running.mapping, StreamMapping):
            return {}
        told: dict[str, Any] = {"last_processing_result": running.mapping.last_processing_result}
        if (age := self._ages.of(name)) is not None:
            told["iterator_age_seconds"] = age
        if running.checkpoints is not None:
            told["positions"] = running.checkpoints.positions()
        return told

    async def _survey(self, name: str) -> Survey:
        running = self._configured.mappings.get(name)
        return await Survey.of(running.mapping.link) if running and running.mapping else Survey()


def _of_stranded(name: str, mapping: Stranded) -> dict[str, Any]:
    shown = {"mapping": name, "function": mapping.settings.function, "source": mapping.settings.source.type}
    return shown | {"ready": False, "state": "stranded", "trouble": mapping.why}


def _of_queue(mapping: QueueMapping) -> dict[str, Any]:
    warning = {"warning": mapping.warning} if mapping.warning else {}
    return {"pollers": mapping.running, "records_in_hand": mapping.in_hand} | warning


def _of_stream(mapping: StreamMapping) -> dict[str, Any]:
    """still_seconds: since nothing was done although there may be something to do. It counts up while a function runs, too."""
    told: dict[str, Any] = {
        "invocations": mapping.running,
        "records_in_hand": mapping.in_hand,
        "still_seconds": round(mapping.still_seconds, 3),
    }
    discards = mapping.discards
    if discards.failing_since is not None:
        since = _time(discards.failing_since)
        told |= {"trouble": discards.trouble, "batches_held_up": discards.waiting, "failing_since": since}
    return told


def _reason(reason: Reason) -> dict[str, Any]:
    shown = {"reason": reason.code, "sentence": reason.sentence}
    moments = {"since": reason.since, "until": reason.until}
    return shown | {key: _time(moment) for key, moment in moments.items() if moment is not None}


def _last(course: Course) -> dict[str, Any]:
    """What it did last; what it has not done yet is left out."""
    found = {"fetch": course.fetched, "batch": course.batch, "answer": course.answer, "error": course.error}
    last: dict[str, Any] = {name: each | {"at": _time(each["at"])} for name, each in found.items() if each}
    done = {"done": {"at": _time(course.done_at), "records": course.done}} if course.done_at is not None else {}
    return last | done


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
