"""A Redis list under any sequence of pushes, fetches, settlements, ended leases and restarts: nothing lost, nothing held twice."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.contract import Outcome, Record, Settlement
from connectors.redis.lists import RedisListOptions, RedisListSource
from tests.redis_servers import client
from tests.servers import Server

pytestmark = pytest.mark.server

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(1, 4)),
        st.tuples(st.just("fetch"), st.integers(1, 5)),
        st.tuples(st.sampled_from(["deliver", "release", "retry", "extend"]), st.integers(0, 15)),
        st.tuples(st.sampled_from(["end leases", "reopen"]), st.just(0)),
    ),
    max_size=25,
)


class Run:
    """What a list should hold, beside the list."""

    def __init__(self, plain: Any, port: int, pop: Literal["right", "left"]) -> None:
        self.plain = plain
        self.key = f"list-{uuid.uuid4().hex}"
        self.source = RedisListSource(RedisListOptions(list=self.key, port=port, pop=pop, lease_seconds=3600))
        self.push = plain.lpush if pop == "right" else plain.rpush
        self.pushed = 0
        self.gone: set[int] = set()
        self.held: dict[int, Record] = {}
        self.stale: list[Record] = []  # of receives that are over
        self.restored = False

    async def step(self, what: str, number: int) -> None:
        match what:
            case "push":
                for _ in range(number):
                    await self.push(self.key, str(self.pushed))
                    self.pushed += 1
            case "fetch":
                await self.fetch(number)
            case "end leases":
                for member in await self.plain.zrange(f"{{{self.key}}}:pollerd:leases", 0, -1):
                    await self.plain.zadd(f"{{{self.key}}}:pollerd:leases", {member: 0}, xx=True)
                self.stale += self.held.values()
                self.held.clear()
            case "reopen":
                await self.source.close()
                await self.source.open()
                self.restored = True
            case _:
                await self.tell(what, [body for body in sorted(self.held) if number >> (body % 4) & 1])

    async def fetch(self, room: int) -> list[int]:
        bodies = []
        for record in await self.source.fetch(room, 0):
            body = int(str(record.body))
            assert body not in self.gone, "what is settled never comes again"
            assert body not in self.held, "what somebody holds is nobody else's"
            self.held[body] = record
            bodies.append(body)
        return bodies

    async def tell(self, what: str, bodies: Sequence[int]) -> None:
        records = [self.held[body] for body in bodies]
        if what == "extend":
            assert await self.source.extend(records, 3600) == []
            return
        outcomes = {"deliver": Outcome.DELIVERED, "release": Outcome.RELEASED, "retry": Outcome.RETRY}
        outcome = outcomes[what]
        assert await self.source.settle([Settlement(record, outcome) for record in records]) == []
        if outcome is Outcome.RETRY:
            return
        for body in bodies:
            self.stale.append(self.held.pop(body))
        if outcome is Outcome.DELIVERED:
            self.gone.update(bodies)

    async def end(self) -> None:
        """Receives that are over settle nothing that somebody holds now; then all that is left comes, in order."""
        live = {record.id: record for record in self.held.values()}
        again = [record for record in self.stale if record.id in live]
        lost = await self.source.settle([Settlement(record, Outcome.DELIVERED) for record in again])
        assert [each.settlement.record for each in lost] == again
        assert await self.source.extend(again, 1) == again
        rest = []
        while found := await self.fetch(7):
            rest += found
        assert sorted({*self.held}) == sorted({*range(self.pushed)} - self.gone)
        if not self.restored:
            assert rest == sorted(rest)
        await self.tell("deliver", sorted(self.held))
        assert await self.plain.keys(f"*{self.key}*") in ([], [f"{{{self.key}}}:pollerd:counter"])
        await self.plain.delete(f"{{{self.key}}}:pollerd:counter")


@given(steps=STEPS, pop=st.sampled_from(["right", "left"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_is_lost_and_nothing_held_twice(
    redis: Server, steps: list[tuple[str, int]], pop: Literal["right", "left"]
) -> None:
    async def run() -> None:
        async with client(redis.port) as plain:
            case = Run(plain, redis.port, pop)
            await case.source.open()
            for what, number in steps:
                await case.step(what, number)
            await case.end()
            await case.source.close()

    asyncio.run(run())
