"""Order inside a lane, lanes in parallel: one batch of a lane is in flight, the others wait in line.

When a batch fails, those behind it in its lane must not overtake it: they are turned away, and their records go back to the source
in order. Batches without a lane never wait.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Turn:
    """One batch's place in its lane. Leave it exactly once, whether the turn ever came or not."""

    __slots__ = ("_lane", "_lanes", "come")

    def __init__(self, lanes: Lanes, lane: str | None) -> None:
        self._lanes = lanes
        self._lane = lane
        self.come: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """True: it is your turn. False: the batch before you failed, go back."""

    def leave(self, *, failed: bool) -> None:
        """The batch is settled, or given up. failed: those behind it in the lane are turned away."""
        if self._lane is not None:
            self._lanes.leave(self._lane, self, failed=failed)


class Lanes:
    """Who is in flight in each lane, and who waits behind. Length: lanes in flight."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[Turn]] = {}  # the first of a line is in flight

    def __len__(self) -> int:
        return len(self._lines)

    def enter(self, lane: str | None) -> Turn:
        """Join the lane; the turn has come at once when the lane is free."""
        turn = Turn(self, lane)
        line = deque[Turn]() if lane is None else self._lines.setdefault(lane, deque())
        line.append(turn)
        if line[0] is turn:
            turn.come.set_result(True)
        return turn

    def leave(self, lane: str, turn: Turn, *, failed: bool) -> None:
        """Called by the turn."""
        line = self._lines.get(lane, deque())
        if turn not in line:
            return  # turned away before
        first = line[0] is turn
        line.remove(turn)
        if first and failed:
            for behind in line:
                _tell(behind, False)
            line.clear()
        elif first and line:
            _tell(line[0], True)
        if not line:
            del self._lines[lane]


def _tell(turn: Turn, come: bool) -> None:
    if not turn.come.done():  # its batch was cut meanwhile
        turn.come.set_result(come)
