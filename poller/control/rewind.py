"""An operator sends a mapping to another place of its stream: what may be asked for, and doing it while nothing reads.

A position is the last record that is done with, as the source writes it: the one after it is the next. Where the source's server keeps how
far reading has come the source is asked to move; else the checkpoints are moved.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection
from dataclasses import dataclass

from connectors.contract import Capabilities, Reader, Seekable, Source, Stream
from poller.control.checkpoints import StoredCheckpoints
from poller.control.positions import Start
from poller.settings.moments import moment
from poller.settings.problems import nearest

_WORDS = ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")


class RewindError(Exception):
    """It cannot be done. The message is a sentence for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewind:
    """One wish. partition: None for all of them. who: the operator's name. why: in the operator's words, "" for none."""

    partition: str | None
    to: Start | str
    who: str
    why: str


def target(text: str, able: Capabilities, now: float | None = None) -> Start | str:
    """Where an operator means: a starting position of the source, a time, or a position. now: epoch seconds. Raises RewindError."""
    if not able.stream:
        sentence = "the source of this mapping is a queue: what is done with is gone from it, and there is nothing to go back to"
        raise RewindError(sentence)
    word = text.strip().upper()
    if word == "AT_TIMESTAMP":
        raise RewindError("write the time itself, as in 2026-11-01T09:30:00Z")
    if word in _WORDS:
        return _supported(Start(word), able)
    if _TIME.fullmatch(text.strip()):
        return _supported(Start("AT_TIMESTAMP", _past(text, time.time() if now is None else now)), able)
    if not any(character.isdigit() for character in text):
        hint = nearest(word, able.starting_positions)
        raise RewindError(f"{text!r} is neither a starting position nor a time nor a position; {hint}")
    return text.strip()


async def rewind(wish: Rewind, source: Source, checkpoints: StoredCheckpoints, reader: Reader) -> None:
    """Do it, durably and logged. source: of the mapping, not open, and nothing else reads it. Raises RewindError, SourceError."""
    if isinstance(source, Seekable) and isinstance(source, Stream):
        source.read_as(reader)
        to, timestamp = (wish.to, None) if isinstance(wish.to, str) else (wish.to.position, wish.to.timestamp)
        jumps = await source.seek(wish.partition, to, timestamp)
        await checkpoints.note(jumps, everywhere=wish.partition is None, who=wish.who, why=wish.why)
        return
    known = sorted(checkpoints.positions())
    if not known:
        sentence = "no position of this mapping is kept here: nothing was read yet"
        raise RewindError(
            f"{sentence}, and starting_position says where that begins, or the source's server keeps them"
        )
    if wish.partition is None and isinstance(wish.to, Start):
        await checkpoints.restart(wish.to, who=wish.who, why=wish.why)
    else:
        await checkpoints.send(_partition(wish, known), wish.to, who=wish.who, why=wish.why)


def _partition(wish: Rewind, known: Collection[str]) -> str:
    """The partition that is meant. One that nobody has read is refused: it would be a typing error most often."""
    if wish.partition is None:
        if len(known) != 1:
            raise RewindError(f"a position is one of a partition; say which: known are {', '.join(known)}")
        return next(iter(known))
    if wish.partition not in known:
        raise RewindError(f"nothing has been read of a partition {wish.partition!r}; {nearest(wish.partition, known)}")
    return wish.partition


def _supported(start: Start, able: Capabilities) -> Start:
    if start.position not in able.starting_positions:
        known = ", ".join(able.starting_positions)
        raise RewindError(f"this source cannot be read from {start} on; it knows {known}")
    return start


def _past(text: str, now: float) -> float:
    try:
        found = moment(text)
    except ValueError as error:
        raise RewindError(str(error)) from error
    if found > now:
        raise RewindError(f"{text} is in the future; LATEST reads what comes from now on")
    return found
