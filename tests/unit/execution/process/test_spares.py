"""Spares: for whom, when, how many, and when they are given up. In virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from poller.execution.contract import PROVISIONED, FunctionSpec
from poller.execution.process.spares import KEPT_SECONDS, LOOK_SECONDS, MOST, Spare, Spares
from poller.execution.runtimes.contract import InvalidEntrypoint
from poller.execution.scripted import Script, ScriptedEnvironment
from poller.observe.events import DefectFoundError, Fact
from tests.unit.execution.pool.conftest import SPEC

ONE = replace(SPEC, prefork=1)


class Prepared(ScriptedEnvironment, Spare):
    def __init__(self, name: str, spec: FunctionSpec, error: Exception | None) -> None:
        super().__init__(name, spec, Script())
        self.error = error
        self.whole = False

    @property
    def prepared(self) -> bool:
        return self.whole and not self.stopped

    async def prepare(self) -> None:
        await asyncio.sleep(1.0)
        if self.error is not None:
            raise self.error
        self.whole = True


class Rig:
    def __init__(self) -> None:
        self.made: list[Prepared] = []
        self.facts: list[Fact] = []
        self.short = False
        self.error: Exception | None = None
        self.spares = Spares(self.make, self.facts.append, lambda: self.short)

    def make(self, spec: FunctionSpec) -> Prepared:
        self.made.append(Prepared(f"{len(self.made):032x}", spec, self.error))
        return self.made[-1]

    @property
    def living(self) -> int:
        return sum(spare.alive for spare in self.made)

    async def stocked(self, *specs: FunctionSpec) -> None:
        for spec in specs:
            self.spares.want(spec)
        await asyncio.sleep(max(spec.prefork for spec in specs) + 0.5)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    yield rig
    await rig.spares.close()
    taken = sum(spare.doing == "taken" for spare in rig.made)
    assert rig.living == taken, "spares are left"


def take(rig: Rig, spec: FunctionSpec) -> Prepared | None:
    spare = rig.spares.take(spec)
    if spare is not None:
        assert isinstance(spare, Prepared)
        spare.doing = "taken"
        return spare
    return None


async def test_nobody_has_a_spare_before_a_start_went_well(rig: Rig) -> None:
    assert take(rig, ONE) is None
    await asyncio.sleep(60)
    assert rig.made == []
    await rig.stocked(ONE)
    assert rig.spares.counts() == {"f": 1}
    assert take(rig, ONE) is rig.made[0]
    assert rig.spares.counts() == {"f": 0}


async def test_one_that_was_taken_is_replaced_after_the_next_good_start(rig: Rig) -> None:
    await rig.stocked(ONE)
    take(rig, ONE)
    await asyncio.sleep(60)
    assert len(rig.made) == 1, "not beside the start that it was taken for"
    await rig.stocked(ONE)
    assert rig.spares.counts() == {"f": 1}


async def test_a_function_has_as_many_as_it_is_to_have_made_one_by_one(rig: Rig) -> None:
    three = replace(SPEC, prefork=3)
    rig.spares.want(three)
    rig.spares.want(three)
    await asyncio.sleep(1.5)
    assert (len(rig.made), rig.spares.counts()) == (2, {"f": 1})
    await asyncio.sleep(60)
    assert (len(rig.made), rig.spares.counts()) == (3, {"f": 3})


async def test_none_for_who_wants_none_and_for_provisioned_environments(rig: Rig) -> None:
    await rig.stocked(replace(SPEC, prefork=0), replace(ONE, initialization_type=PROVISIONED))
    assert rig.made == []


async def test_one_that_is_not_ready_is_not_waited_for(rig: Rig) -> None:
    rig.spares.want(ONE)
    await asyncio.sleep(0.5)
    assert take(rig, ONE) is None
    await asyncio.sleep(1.0)
    assert take(rig, ONE) is rig.made[0]


async def test_one_that_has_died_is_not_handed_out(rig: Rig) -> None:
    await rig.stocked(ONE)
    rig.made[0].whole = False
    assert take(rig, ONE) is None
    await asyncio.sleep(0)
    assert rig.living == 0


async def test_changed_code_gives_up_what_was_made_for_the_old(rig: Rig) -> None:
    new = replace(ONE, task_root="/new")
    await rig.stocked(ONE)
    assert take(rig, new) is None
    await asyncio.sleep(0)
    assert rig.living == 0
    await rig.stocked(ONE)
    await rig.stocked(new)
    assert [spare.spec for spare in rig.made if spare.alive] == [new]


async def test_versions_have_spares_of_their_own(rig: Rig) -> None:
    await rig.stocked(ONE, replace(ONE, version="3"))
    assert rig.spares.counts() == {"f": 2}
    spare = take(rig, replace(ONE, version="3"))
    assert spare is not None
    assert spare.spec.version == "3"


async def test_one_that_nobody_took_for_an_hour_is_given_up(rig: Rig) -> None:
    await rig.stocked(ONE)
    await asyncio.sleep(KEPT_SECONDS - 2)
    assert rig.living == 1
    await asyncio.sleep(LOOK_SECONDS)
    assert rig.living == 0


async def test_all_are_given_up_when_memory_is_short_and_none_is_made(rig: Rig) -> None:
    await rig.stocked(ONE)
    rig.short = True
    await asyncio.sleep(LOOK_SECONDS)
    assert rig.living == 0
    await rig.stocked(ONE)
    assert rig.living == 0
    rig.short = False
    await rig.stocked(ONE)
    assert rig.living == 1


async def test_past_the_most_those_untouched_the_longest_go(rig: Rig) -> None:
    specs = [replace(ONE, name=f"f{number}") for number in range(MOST + 1)]
    for spec in specs[:-1]:
        await rig.stocked(spec)
    rig.spares.want(specs[0])
    await rig.stocked(specs[-1])
    assert [spec.name for spec in specs if not rig.spares.counts()[spec.name]] == ["f1"]
    assert rig.living == MOST


@pytest.mark.parametrize("error", [OSError("no sandbox"), InvalidEntrypoint("no bootstrap")])
async def test_one_that_cannot_be_made_is_left_to_the_next_start_to_tell(rig: Rig, error: Exception) -> None:
    rig.error = error
    await rig.stocked(ONE)
    assert (len(rig.made), rig.living, rig.facts) == (1, 0, [])
    rig.error = None
    await rig.stocked(ONE)
    assert rig.living == 1


async def test_a_defect_is_told(rig: Rig) -> None:
    rig.error = LookupError("ours")
    await rig.stocked(ONE)
    assert [(fact.part, fact.message) for fact in rig.facts if isinstance(fact, DefectFoundError)] == [
        ("spares of f", "LookupError('ours')")
    ]


async def test_closing_ends_what_is_being_prepared(rig: Rig) -> None:
    rig.spares.want(ONE)
    await asyncio.sleep(0.5)
    await rig.spares.close()
    assert (len(rig.made), rig.living) == (1, 0)
