"""(f) Records a second when 10^3, 10^4 (and with ``--deep`` 10^5) records wait, against a bare loop over a queue as deep.

The peer is there because the server walks its whole queue for each receive; what counts is whether we slow down more than it does.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.contenders import Contender, bare_loop, drain, ours
from bench.figures import Line, Rounds, Skipped, ratio
from bench.programs import Failed
from bench.run import Bench

DEPTHS = (1_000, 10_000)
DEEP = 100_000
HANDLED = 5_000
"""Records that are handled at a depth beyond; the rest is left."""
FLAT = 0.9
LOOP = "bare loop"


def measure(bench: Bench) -> Iterator[Line | Skipped]:
    """Rounds of the two in turn at each depth."""
    shallow: Rounds | None = None
    for depth in (*DEPTHS, DEEP) if bench.deep else DEPTHS:
        try:
            seen = _rounds(bench, depth)
        except Failed as error:
            yield Skipped(letter="f", path=f"{depth:,} queued", reason=str(error))
            continue
        shallow = shallow or seen
        yield _line(depth, seen, shallow)


def _rounds(bench: Bench, depth: int) -> Rounds:
    seen = Rounds()
    contenders: dict[str, Contender] = {"ours": ours(10), LOOP: bare_loop(1)}
    for _ in range(bench.size(2, 1)):
        for name, contender in contenders.items():
            rate = drain(bench, contender, depth, enough=min(depth, bench.size(HANDLED, HANDLED // 3))).rate
            seen.add(name, rate)
            bench.say(f"(f) {depth:,} queued: {name}: {rate:,.0f} records/s")
    return seen


def _line(depth: int, seen: Rounds, shallow: Rounds) -> Line:
    mine, theirs = seen.figure("ours"), seen.figure(LOOP)
    share = ratio(mine, theirs) / ratio(shallow.figure("ours"), shallow.figure(LOOP))
    first = seen is shallow
    return Line(
        letter="f",
        path=f"{depth:,} queued",
        unit="records/s",
        ours=mine,
        peer=LOOP,
        theirs=theirs,
        budget="" if first else f"ratio ≥ {FLAT:.0%} of that with {DEPTHS[0]:,}",
        met=None if first else share >= FLAT,
    )
