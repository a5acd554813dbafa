"""Checkpoints against a model: whatever is told in whatever order, memory and file say the same, and a restart changes nothing."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from poller.control import positions
from poller.control.checkpoints import CheckpointStore, StoredCheckpoints
from poller.control.positions import Held, Start

PARTITIONS = st.sampled_from(["a", "b", "c"])
POSITIONS = st.sampled_from(["1", "2", "SHARD_END"])
LANES = st.dictionaries(st.sampled_from(["0/2", "1/2", "from"]), POSITIONS)
STARTS = st.sampled_from([Start("TRIM_HORIZON"), Start("AT_TIMESTAMP", 0.1)])
STEPS = st.one_of(
    st.tuples(st.just("save"), st.dictionaries(PARTITIONS, POSITIONS)),
    st.tuples(st.just("mark"), st.dictionaries(PARTITIONS, LANES)),
    st.tuples(st.just("move"), PARTITIONS, st.none() | POSITIONS),
    st.tuples(st.just("send"), PARTITIONS, POSITIONS | STARTS),
    st.tuples(st.just("restart"), STARTS),
    st.tuples(st.just("note"), st.dictionaries(PARTITIONS, POSITIONS), st.booleans()),
)


OPERATORS = {"send", "restart", "note"}


class Model:
    """What is held, and how many jumps the log has."""

    def __init__(self) -> None:
        self.held = Held()
        self.jumps = 0

    def apply(self, step: tuple[Any, ...]) -> None:
        held = self.held
        match step:
            case ("save", told):
                held.positions |= told
            case ("mark", told):
                held.marks = {name: lanes for name, lanes in (held.marks | told).items() if lanes}
            case ("move" | "send", partition, to):
                held.positions.pop(partition, None)
                held.marks.pop(partition, None)
                if to is not None:
                    held.positions[partition] = to.word if isinstance(to, Start) else to
                self.jumps += 1
            case ("restart", start):
                self.jumps += len({*held.positions, *held.marks}) or 1
                self.held = Held(start=start)
            case ("note", jumps, everywhere):
                held.marks = {} if everywhere else {n: lanes for n, lanes in held.marks.items() if n not in jumps}
                self.jumps += len(jumps)


async def tell(checkpoints: StoredCheckpoints, step: tuple[Any, ...]) -> None:
    match step:
        case ("save", told):
            await checkpoints.save(told)
        case ("mark", told):
            await checkpoints.mark(told)
        case ("move", partition, to):
            await checkpoints.move(partition, to, "")
        case ("send", partition, to):
            await checkpoints.send(partition, to, who="", why="")
        case ("restart", start):
            await checkpoints.restart(start, who="", why="")
        case ("note", jumps, everywhere):
            await checkpoints.note(jumps, everywhere=everywhere, who="", why="")


async def told(state: Path, steps: list[tuple[Any, ...]]) -> Held:
    """Tell them at once, as lanes do, and an operator's word when nobody waits any more for what was told before; what is held then."""
    store = CheckpointStore(state, lambda _: None)
    async with store.taken("m") as checkpoints:
        telling = []
        for step in steps:
            if step[0] in OPERATORS:
                await tell(checkpoints, step)
            else:
                telling.append(asyncio.create_task(tell(checkpoints, step)))
                await asyncio.sleep(0)
        await asyncio.gather(*telling)
        held = Held(
            dict(checkpoints.positions()), {n: dict(m) for n, m in checkpoints.marks().items()}, checkpoints.start
        )
    await store.close()
    return held


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(STEPS, max_size=6), max_size=4))
def test_memory_file_and_model_agree_after_every_restart(runs: list[list[tuple[Any, ...]]]) -> None:
    model = Model()
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        for steps in runs:
            for step in steps:
                model.apply(step)
            assert asyncio.run(told(state, steps)) == model.held
            assert positions.known(state, "m") == model.held
            assert len(positions.log(state, "m")) == model.jumps
