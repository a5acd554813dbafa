"""(h) Large events and answers: an echo of 1 MB and of 6 MB, one at a time, through our HTTP front and through RIE.

Buffered answers, as AWS's Python client sends them; streaming.py has the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench.figures import Line, Rounds, Skipped, in_turn, ratio
from bench.peers import Unavailable
from bench.programs import Failed
from bench.run import Bench
from bench.warm import DOOR, EMULATOR, UNITS, door, emulator

SIZES = {"1 MB": 1_000_000, "6 MB": 6_000_000}
"""Bytes; the service's limit is 6 MiB."""
WARM_UP = 5
SHOWN = ("p50", "cpu")
SIDES = {DOOR: door, EMULATOR: emulator}


def measure(bench: Bench) -> Iterator[Line | Skipped]:
    """Rounds of both in turn, for each size."""
    for name, size in SIZES.items():
        count = bench.size(200, 40) * 1_000_000 // size
        sides = {side: partial(run, bench, count, size, WARM_UP) for side, run in SIDES.items()}
        try:
            seen = in_turn(bench.size(5, 2), sides, SHOWN)
        except (Unavailable, Failed) as error:
            yield Skipped(letter="h", path=f"echo of {name}", reason=str(error))
            continue
        bench.say(f"(h) echo of {name} done")
        yield from (_line(name, key, seen[key]) for key in SHOWN)


def _line(name: str, key: str, seen: Rounds) -> Line:
    ours, theirs = seen.figure(DOOR), seen.figure(EMULATOR)
    return Line(
        letter="h",
        path=f"echo of {name}, {DOOR}",
        unit=UNITS[key],
        ours=ours,
        peer=EMULATOR,
        theirs=theirs,
        budget="less",
        met=ratio(ours, theirs) < 1,
    )
