"""(e) One busy mapping among 0, 99 and 999 idle ones, against a bare loop among as many parked long polls.

The peer is there because the server too gets slower with a thousand polls waiting on it. The busy queue is filled once every mapping
is ready: how long a thousand take to open is told by (d), and would drown what is measured here. The first half of the records,
handled while the filling goes on, is not timed.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.contenders import Contender, bare_loop, drain, ours
from bench.figures import Line, Rounds, Skipped, ratio
from bench.programs import Failed
from bench.run import Bench

COUNTS = (1, 100, 1000)
FLAT = 0.9
"""Of what it is with one mapping, our rate by the loop's; less is growth."""
LOOP = "bare loop among parked polls"


def measure(bench: Bench) -> Iterator[Line | Skipped]:
    """Rounds of the two in turn at each count."""
    alone: Rounds | None = None
    for count in COUNTS[: bench.size(3, 2)]:
        try:
            seen = _rounds(bench, count)
        except Failed as error:
            yield Skipped(letter="e", path=f"one busy mapping of {count:,}", reason=str(error))
            continue
        alone = alone or seen
        yield _line(count, seen, alone)


def _rounds(bench: Bench, count: int) -> Rounds:
    seen = Rounds()
    idle = tuple(f"idle-{n}" for n in range(count - 1))
    contenders: dict[str, Contender] = {"ours": ours(10, idle=idle, opened=True), LOOP: bare_loop(1, idle=idle)}
    for _ in range(bench.size(2, 1)):
        for name, contender in contenders.items():
            rate = drain(bench, contender, bench.size(3000, 2000), filled_first=False).rate
            seen.add(name, rate)
            bench.say(f"(e) {count} mappings: {name}: {rate:,.0f} records/s")
    return seen


def _line(count: int, seen: Rounds, alone: Rounds) -> Line:
    mine, theirs = seen.figure("ours"), seen.figure(LOOP)
    share = ratio(mine, theirs) / ratio(alone.figure("ours"), alone.figure(LOOP))
    return Line(
        letter="e",
        path=f"one busy mapping of {count:,}",
        unit="records/s",
        ours=mine,
        peer=LOOP,
        theirs=theirs,
        budget=f"ratio ≥ {FLAT:.0%} of that with 1" if seen is not alone else "",
        met=share >= FLAT if seen is not alone else None,
    )
