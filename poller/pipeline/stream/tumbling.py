"""Tumbling windows: which records belong together, what the function is told of a window, when it ends. Pure; the time is an argument.

Source: Lambda DG, Stateful Kinesis and DynamoDB processing; recordings of 2026. A window is one partition's, begins at a multiple of its
length since 1970, and takes records by their arrival. Its state is what the last answer said; the next event brings it back. One more event
without records ends it, when a later record shows up, when its partition ends, or on an idle one a minute after its end. A state above
1 MB ends it early: the same with both flags, and what is left of the window goes on with an empty state.

A record that arrived before the window in progress, late by a clock that was set back say, belongs to that one: windows never go back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from connectors.contract import Record
from poller.envelope.contract import as_json

STATE_AT_MOST = 1024 * 1024
EVENT_BYTES = STATE_AT_MOST + 2048
"""What an event keeps free for all that a window adds to it."""
GRACE = 60.0
"""Seconds after its end that a window waits for records which are still under way; AWS takes up to two minutes."""


class Tumbling:
    """The window in progress in one partition, if any. seconds: its length. saved: what ``save`` returned before a restart, or ""."""

    def __init__(self, seconds: float, saved: str = "") -> None:
        self._seconds = seconds
        restored = orjson.loads(saved) if saved else {}
        self._start: float | None = restored.get("start")
        self.end: float = restored.get("end", 0.0)
        """Epoch seconds; of the window in progress. One that began before a restart keeps its length."""
        self._state: Mapping[str, Any] = restored.get("state", {})
        self.early = len(as_json(self._state)) > STATE_AT_MOST
        """Whether its state has grown too big, so that it ends before its time."""

    def save(self) -> str:
        """What a restart goes on with; "" when no window is in progress."""
        if self._start is None:
            return ""
        return as_json({"start": self._start, "end": self.end, "state": self._state}).decode()

    def begin(self, record: Record) -> None:
        """The first record in line: a window begins with it, unless one is in progress."""
        if self._start is None:
            arrived = record.arrived or 0.0
            self._start, self._state = arrived - arrived % self._seconds, {}
            self.end = self._start + self._seconds

    def fits(self, record: Record) -> bool:
        """Whether the record belongs to the window in progress."""
        return (record.arrived or 0.0) < self.end

    def over(self, head: Record | None, now: float, *, ended: bool = False) -> bool:
        """Whether it is time for the last event. head: the first in line. now: epoch seconds; counts when nobody is in line.

        ended: nobody will be, ever.
        """
        if self._start is None:
            return False
        if self.early:
            return True
        return ended or now >= self.end + GRACE if head is None else not self.fits(head)

    def about(self, partition: str, arn: str, *, final: bool) -> dict[str, Any]:
        """What the event says of the window, in the event's order."""
        return {
            "window": {"start": _moment(self._start or 0.0), "end": _moment(self.end)},
            "state": self._state,
            "shardId": partition,
            "eventSourceARN": arn,
            "isFinalInvokeForWindow": final,
            "isWindowTerminatedEarly": final and self.early,
        }

    def answered(self, state: Mapping[str, Any]) -> None:
        """The function has dealt with records of this window, and wants to be told this next time."""
        self._state = state
        self.early = len(as_json(state)) > STATE_AT_MOST

    def ended(self) -> None:
        """The last event is dealt with, one way or the other; its answer's state is not kept."""
        if not self.early:
            self._start = None
        self._state, self.early = {}, False


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
