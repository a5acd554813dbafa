"""(i) Streamed answers of 1 MB and of 6 MB, one at a time: an environment of ours, which streams, and RIE, which does not.

The function is a runtime of ten lines that writes as fast as it is read (function/stream.py), the same on both sides, as is the
client. RIE takes the stream, keeps it, and answers when it is whole (observed, 2026-11-25, aws-sam-cli 1.170.0): its first byte
is then its last. The note of each line says so.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial

from bench.figures import Line, Rounds, Skipped, in_turn, ratio
from bench.peers import Unavailable
from bench.pollerd import FUNCTION
from bench.programs import Failed
from bench.run import Bench
from bench.warm import EMULATOR, Sample, emulated, front

OURS = "streamed"
CLIENT = "bench.consumers.stream"
SIZES = {"1 MB": (1_000_000, 300), "6 MB": (6_000_000, 100)}
"""Bytes, and how many a round: enough for a p99."""
WARM_UP = 5
SHOWN = {
    "first p50": "p50 to first byte, ms",
    "first p99": "p99 to first byte, ms",
    "last p50": "p50 to last byte, ms",
    "last p99": "p99 to last byte, ms",
    "rate": "MB/s",
}
NOTE = f"{EMULATOR} streams nothing: it answers when it has the whole, and that is what stands here"


def measure(bench: Bench) -> Iterator[Line | Skipped]:
    """Rounds of both in turn, for each size."""
    for name, (size, count) in SIZES.items():
        sides = {OURS: partial(_ours, bench, count, size), EMULATOR: partial(_emulator, bench, count, size)}
        try:
            seen = in_turn(bench.size(5, 2), sides, SHOWN)
        except (Unavailable, Failed) as error:
            yield Skipped(letter="i", path=f"stream of {name}", reason=str(error))
            continue
        bench.say(f"(i) stream of {name} done")
        yield from (_line(name, key, seen[key]) for key in SHOWN)


def _ours(bench: Bench, count: int, size: int) -> Sample:
    with front(bench, "bench.consumers.stream_front") as server:
        return server.driven(CLIENT, count, size, WARM_UP)


def _emulator(bench: Bench, count: int, size: int) -> Sample:
    with emulated(bench, [sys.executable, str(FUNCTION / "stream.py")]) as server:
        return server.driven(CLIENT, count, size, WARM_UP)


def _line(name: str, key: str, seen: Rounds) -> Line:
    ours, theirs = seen.figure(OURS), seen.figure(EMULATOR)
    more = key == "rate"
    return Line(
        letter="i",
        path=f"stream of {name}",
        unit=SHOWN[key],
        ours=ours,
        peer=f"{EMULATOR}, buffered",
        theirs=theirs,
        budget="more" if more else "less",
        met=(ratio(ours, theirs) > 1) is more,
        note=NOTE if key == "first p50" else "",
    )
