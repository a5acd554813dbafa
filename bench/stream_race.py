"""Who reads a stream to its end, and how fast: sides in turn, all over the same records, each as a reader of its own.

The rate is that of the handlers, between a fifth and nine tenths of the records (tally.py). A side that saw more or fewer records than
there are has failed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from bench.figures import Line, Rounds, Skipped, ratio
from bench.peers import Unavailable
from bench.programs import Failed, Program, until
from bench.run import Bench
from bench.tally import TAIL, WARM_UP, Tally

OURS = "ours"
READ_SECONDS = 120
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Heat:
    """One side's run. reader: a name that nobody had before. tally: where its batches are noted."""

    folder: Path
    reader: str
    tally: Path

    def arguments(self, **more: object) -> list[str]:
        """For a program in consumers/ that reads as this reader; more of them by name."""
        named = {"reader": self.reader, "tally": self.tally, **more}
        return [word for name, value in named.items() for word in (f"--{name}", str(value))]


Side = Callable[[Heat], AbstractContextManager[Program]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """Ours against the others over so many records. judged: peer -> the share of its rate that is our budget."""

    letter: str
    path: str
    count: int
    ours: Side
    peers: Mapping[str, Side]
    judged: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    def lines(self, bench: Bench, rounds: int) -> Iterator[Line | Skipped]:
        """Rounds of all sides in turn; one that fails is left out from then on."""
        seen, lost = Rounds(), dict[str, str]()
        for number in range(rounds):
            for name, side in {OURS: self.ours, **self.peers}.items():
                if name in lost:
                    continue
                try:
                    rate = self._rate(bench, side)
                except (Unavailable, Failed) as error:
                    lost[name] = str(error)
                    continue
                seen.add(name, rate)
                bench.say(f"({self.letter}) {self.path}, round {number + 1} of {rounds}: {name}: {rate:,.0f} records/s")
        for name, reason in lost.items():
            yield Skipped(letter=self.letter, path=f"{self.path}: {name}", reason=reason)
        if OURS not in lost:
            yield from self._table(seen, [name for name in self.peers if name not in lost])

    def _rate(self, bench: Bench, side: Side) -> float:
        with bench.folder() as folder:
            tally = Tally.made(folder / "shared")
            with side(Heat(folder, f"reader-{next(_numbers)}", tally.path)) as program:
                until(lambda: tally.total() >= self.count, "reading", seconds=READ_SECONDS, program=program, every=0.1)
            if tally.total() != self.count:
                raise Failed(f"handlers saw {tally.total()} records of {self.count}")
            return tally.rate(WARM_UP, TAIL)

    def _table(self, seen: Rounds, peers: Sequence[str]) -> Iterator[Line]:
        ours = seen.figure(OURS)
        for number, peer in enumerate(peers):
            theirs, budget = seen.figure(peer), self.judged.get(peer)
            yield Line(
                letter=self.letter,
                path=self.path,
                unit="records/s",
                ours=ours,
                peer=peer,
                theirs=theirs,
                budget="" if budget is None else f"≥ {budget:.0%} of it",
                met=None if budget is None else ratio(ours, theirs) >= budget,
                note="" if number else self.note,
            )
