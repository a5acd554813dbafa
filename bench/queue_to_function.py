"""(a) SQS -> function, batches of 10 and 100, against those who empty the same queue."""

from __future__ import annotations

from collections.abc import Iterator

from bench.contenders import Contender, bare_loop, drain, ministack_mapping, npm_consumer, ours
from bench.figures import Line, Rounds, Skipped, ratio
from bench.peers import Unavailable
from bench.programs import Failed
from bench.run import Bench

BUDGET = 0.8
"""Of the sequential bare loop's rate."""
PARALLEL = 5
"""Loops side by side: as many as a mapping has pollers when it finds a backlog."""

LOOP = "bare loop, sequential"
OURS = {"batch 10": ours(10), "batch 100": ours(100, window=1)}
PEERS: dict[str, Contender] = {
    LOOP: bare_loop(1),
    f"bare loop x {PARALLEL}": bare_loop(PARALLEL),
    "npm sqs-consumer": npm_consumer,
    "MiniStack's mapping": ministack_mapping,
}


def measure(bench: Bench) -> Iterator[Line | Skipped]:
    """Rounds of all contenders in turn; one that fails is left out from then on."""
    rounds, count = bench.size(3, 1), bench.size(3000, 1500)
    seen, tails, lost = Rounds(), Rounds(), dict[str, str]()
    for number in range(rounds):
        for name, contender in {**OURS, **PEERS}.items():
            if name in lost:
                continue
            try:
                drained = drain(bench, contender, count)
                seen.add(name, drained.rate)
                tails.add(name, drained.tail_seconds or 0.0)
                bench.say(
                    f"(a) round {number + 1} of {rounds}, {count} messages: {name}: {drained.rate:,.0f} records/s"
                )
            except (Unavailable, Failed) as error:
                lost[name] = str(error)
    for name, reason in lost.items():
        yield Skipped(letter="a", path=f"SQS -> function: {name}", reason=reason)
    for mine in (name for name in OURS if name not in lost):
        yield from (_line(seen, mine, peer) for peer in PEERS if peer not in lost)
        yield _tail(tails, mine)


def _line(seen: Rounds, mine: str, peer: str) -> Line:
    ours, theirs = seen.figure(mine), seen.figure(peer)
    judged = peer == LOOP
    return Line(
        letter="a",
        path=f"SQS -> function, {mine}",
        unit="records/s",
        ours=ours,
        peer=peer,
        theirs=theirs,
        budget=f"≥ {BUDGET:.0%} of it" if judged else "",
        met=ratio(ours, theirs) >= BUDGET if judged else None,
    )


def _tail(tails: Rounds, mine: str) -> Line:
    path = f"SQS -> function, {mine}: last tenth"
    return Line(letter="a", path=path, unit="s to an empty queue", ours=tails.figure(mine))
