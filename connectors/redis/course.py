"""Where a group stands in its stream: made where reading is to begin, made anew when the server lost it, and what it has missed.

What happens to a stream that its reader did not ask for is told: entries trimmed before they were read, or while they were in hand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from connectors.contract import Missing, Reader, SourceError
from connectors.redis.group import Group, absent, order

STARTS = ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP")
EVERYTHING = "0"
NEWEST = "$"
LAST_OF_A_MILLISECOND = 2**64 - 1


@dataclass(slots=True, eq=False)
class Course:
    """Of ``group`` in ``stream``. create: whether to make a stream that does not exist. server: for people."""

    group: Group
    reader: Reader
    stream: str
    server: str
    create: bool
    _seen: str = ""  # the last entry that the group was known to have been given
    _absent: bool = False  # there was no stream when we looked: all that it will have is new
    _error: int = 0  # of the server's count of what the group lags behind
    _missed: int = 0  # entries trimmed unread that were told of since the group was last given everything
    _tidings: list[tuple[str, str]] = field(default_factory=list)

    async def ensure(self) -> None:
        """See to it that the group exists. Raises ``Missing`` for want of the stream."""
        try:
            standing = await self.group.given()
        except SourceError as error:
            if not absent(error):
                raise
            if not self.create:
                self._absent = True
                raise self._missing() from error
            standing = None
        if standing is not None:
            self.passed(standing.delivered)
            return
        position = await self._beginning()
        await self.group.create(position, stream=self.create)
        if self._seen:
            why = "the consumer group was gone and has been made anew; what other consumers had pending is forgotten"
            self._tidings.append((position, why))
            self._seen = position

    async def look(self) -> None:
        """Find out whether entries were trimmed that the group was never given (MAXLEN, XTRIM; not XDEL).

        The stream counts what was ever added, so what the group lags behind and the stream does not hold any more is known, as long as
        nothing was deleted from its middle. Servers before 7 do not count. Some after it (7.0.15 is one) take entries that were trimmed
        unread for part of the lag for ever after: what is left of it when the group has been given everything is such an error.
        """
        standing, extent = await self.group.given(), await self.group.extent()
        if standing is None:
            return  # the next read says so
        self.passed(standing.delivered)
        if standing.lag is None:
            return
        if order(standing.delivered) >= order(extent.generated):
            self._error, self._missed = standing.lag, 0
        elif not extent.first or order(extent.first) > order(standing.delivered):
            missed = standing.lag - self._error - extent.length - self._missed
            if missed > 0:
                self._missed += missed
                self._lose(missed, standing.delivered, "trimmed from the stream before they were read")

    def passed(self, id_: str) -> None:
        """The group was given entries up to this one."""
        self._seen = max(self._seen, id_, key=_place)

    def trimmed(self, ids: list[str]) -> None:
        """These were trimmed after they had been given out, and before they were dealt with."""
        if ids:
            self._lose(
                len(ids),
                ids[-1],
                "trimmed from the stream while they were pending: acknowledged, since nobody can read them",
            )

    async def tell(self) -> None:
        """Pass the news on, each once."""
        while self._tidings:
            position, why = self._tidings[0]
            await self.reader.checkpoints.move(self.stream, position, why)
            del self._tidings[0]

    def _missing(self) -> Missing:
        return Missing(f"{self.server} has no stream {self.stream}; create_stream: true makes it")

    def _lose(self, count: int, position: str, how: str) -> None:
        self._tidings.append((position, f"{count} {'entry' if count == 1 else 'entries'} lost, {how}"))

    async def _beginning(self) -> str:
        """Where a group begins: after this id. A group that was there goes on where it was, in a younger stream at the start."""
        if self._seen:
            return self._seen if order(await self._generated()) >= order(self._seen) else EVERYTHING
        return EVERYTHING if self._absent else after(self.reader.start, self.reader.timestamp)

    async def seek(self, to: str, timestamp: float | None, lease: float) -> str:
        """Send the group elsewhere; returns after which entry it goes on. Raises ``SourceError``, also while somebody reads."""
        position = after(to, timestamp) if to in STARTS else to
        if not re.fullmatch(r"\d+(-\d+)?|\$", position):
            raise SourceError(f"{to!r} is no id of an entry, such as 1767225600000-0")
        try:
            position = (await self.group.extent()).generated if position == NEWEST else position
            at_work = await self.group.seek(position, lease)
        except SourceError as error:
            if absent(error):
                raise self._missing() from error
            raise
        if at_work:
            raise SourceError(
                f"consumer {at_work} still handles entries of stream {self.stream}: pause the mapping on every node"
            )
        self._seen = position
        return position

    async def _generated(self) -> str:
        try:
            return (await self.group.extent()).generated
        except SourceError as error:
            if not absent(error):
                raise
            return EVERYTHING


def after(start: str, timestamp: float | None) -> str:
    """The entry after which a starting position begins. timestamp: epoch seconds."""
    if start != "AT_TIMESTAMP":
        return NEWEST if start == "LATEST" else EVERYTHING
    before = int((timestamp or 0) * 1000) - 1
    return f"{before}-{LAST_OF_A_MILLISECOND}" if before >= 0 else EVERYTHING


def _place(id_: str) -> tuple[int, int]:
    return order(id_) if id_ else (-1, 0)
