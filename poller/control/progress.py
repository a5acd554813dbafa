"""Whether a mapping gets on: what is movement, what is something to do, and what follows from there being one without the other. Pure.

A record that leaves its source is movement, and nothing else is: a function that fails moves nothing, and a fetch that brings nothing
neither. Something to do are records in hand, records that wait in the source, an answer that the source owes, a source that fails, a batch
that failed lately. While an invocation may still end by itself nobody is judged.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from poller.control.look import Look


class Act(enum.Enum):
    """What is to be done about a mapping."""

    NOTHING = enum.auto()
    TELL = enum.auto()
    """It stands still from now on."""
    REBUILD = enum.auto()
    """The same, and a new beginning may help."""
    RECOVERED = enum.auto()
    """It stood still, and does so no more."""


@dataclass(slots=True)
class Progress:
    """Of one mapping, over its runs. limit: seconds. Moments are monotonic seconds, None when it is not so.

    since: something to do and no movement since then. stalled_since: known as standing still since. rebuilt: whether it was for this
    standstill.
    """

    limit: float
    since: float | None = None
    stalled_since: float | None = None
    rebuilt: bool = False
    _done: int = 0
    _lag: int | None = None
    _stalled_epoch: float = 0.0

    def wants_lag(self, now: float, asked: float) -> bool:
        """Whether the source should be asked how much waits in it: often enough to notice, seldom enough to cost nothing. asked: last."""
        return now - asked >= self.limit / 3

    def see(self, sight: Look, now: float) -> Act:
        """What follows from a look. now: monotonic seconds."""
        moved = sight.course.done != self._done or _fell(self._lag, sight.lag)
        self._done, self._lag = sight.course.done, sight.lag
        if moved or not (self._behind(sight) or self._unproved(sight)):
            return self._gets_on()
        self.since = now if self.since is None else self.since
        if self.stalled_since is not None or now - self.since < self.limit or (sight.busy and not stated(sight)):
            return Act.NOTHING
        self.stalled_since, self._stalled_epoch = now, sight.now
        if self.rebuilt or stated(sight):
            return Act.TELL
        self.rebuilt = True
        return Act.REBUILD

    def _gets_on(self) -> Act:
        stood, self.since, self.stalled_since, self.rebuilt = self.stalled_since, None, None, False
        return Act.NOTHING if stood is None else Act.RECOVERED

    def _unproved(self, sight: Look) -> bool:
        """Whether it stood still, and nothing proves yet that there is no more to do: the source has brought no answer since."""
        if self.stalled_since is None or sight.state != "running" or sight.not_ours:
            return False
        return float(sight.course.fetched.get("at", 0.0)) <= self._stalled_epoch

    def _behind(self, sight: Look) -> bool:
        """Whether there is something to do, and anybody wants it done."""
        if sight.state != "running" or sight.not_ours or sight.breaker != "closed":
            return False
        failed_lately = sight.course.failed_at is not None and sight.now - sight.course.failed_at < self.limit
        return bool(
            sight.in_hand
            or sight.lag
            or not sight.connected
            or sight.source_trouble
            or sight.overdue_since is not None
            or (sight.course.failures and failed_lately)
        )


def stated(sight: Look) -> bool:
    """Whether a cause is known that a new beginning does not change: the function, its slots, the destination."""
    return bool(sight.course.failures or sight.slot_since is not None or sight.held_up)


def _fell(before: int | None, after: int | None) -> bool:
    """Somebody works on it: another daemon of the same queue or group, say."""
    return before is not None and after is not None and after < before
