"""How far each lane is, for lanes that are ahead of their partition's checkpoint; and what a restart does with it. Pure.

A checkpoint says that everything before it is done. With several lanes some are done with more, and after a crash they would repeat it all;
the mark of a lane keeps that to the one batch that was under way. Marks need positions that can be compared: decimal numbers, or several
with ``.`` or ``-`` between them, the first weighing most. A source with others has no marks, and repeats more.

``from`` is where reading would have gone on when the marks were made. A restart that begins before it was not ours: somebody has moved
the position back, to have records again, and then no mark says that they are done.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from zlib import crc32

from connectors.contract import Record

FROM = "from"
WINDOW = "window"


Place = tuple[int, ...]
"""A position, to compare with others."""
NOWHERE: Place = ()
"""Before all places."""
_NUMBERS = re.compile(r"[0-9]+(?:[.-][0-9]+)*")


def place_of(position: str) -> Place | None:
    """None: it is not of the kind that can be compared."""
    return tuple(map(int, re.split("[.-]", position))) if _NUMBERS.fullmatch(position) else None


def precedes(record: Record, other: Record) -> bool:
    """Whether a record stands before another of its partition; never, as far as their positions do not tell."""
    place, limit = place_of(record.position), place_of(other.position)
    return place is not None and limit is not None and place < limit


def lane_of(record: Record, lanes: int) -> int:
    """Which of so many lanes a record belongs to, the same after every restart: by its key; without one by its position."""
    if lanes == 1:
        return 0
    key = record.position if record.key is None else record.key
    return crc32(key if isinstance(key, bytes) else key.encode(errors="surrogatepass")) % lanes


def lane_name(lane: int, lanes: int) -> str:
    """As in the marks: with another number of lanes the same number means other records."""
    return f"{lane}/{lanes}"


def ahead(first: Record | None, reached: Iterable[str]) -> dict[str, str]:
    """Marks of the lanes that are ahead of the first record a restart would read; {} when none is.

    reached: last finished position of each lane, in their order; "" for none.
    """
    start = place_of(first.position) if first else None
    if first is None or start is None:
        return {}
    positions = list(reached)
    marks = {
        lane_name(lane, len(positions)): position
        for lane, position in enumerate(positions)
        if (place := place_of(position)) is not None and place >= start
    }
    return {FROM: first.position} | marks if marks else {}


class Done:
    """What a restart finds done already in one partition."""

    def __init__(self, marks: Mapping[str, str], lanes: int) -> None:
        self._until = [place_of(marks.get(lane_name(lane, lanes), "")) or NOWHERE for lane in range(lanes)]
        self._last = max(self._until)

    def __contains__(self, record: Record) -> bool:
        place = place_of(record.position)
        return place is not None and place <= self._until[lane_of(record, len(self._until))]

    def over(self, record: Record) -> bool:
        """Whether nothing from this record on can be done already."""
        place = place_of(record.position)
        return place is None or place > self._last


def hold(marks: Mapping[str, str], first: Record) -> bool:
    """Whether marks are of this reading: the first record of it is not before the one they were made at."""
    if FROM not in marks:
        return True
    start, place = place_of(marks[FROM]), place_of(first.position)
    return start is not None and place is not None and place >= start
