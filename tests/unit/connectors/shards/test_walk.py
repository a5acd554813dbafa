"""The walk over shards against a service in memory, in virtual time: pace, throttling, iterators that are lost, ends and children."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Sequence

import pytest

from connectors.contract import Missing, Outcome, Reader, Record, Settlement, SourceError, Throttled, Unreachable
from connectors.shards.lineage import Shard
from connectors.shards.positions import END
from connectors.shards.reading import ExpiredIteratorError, Pace, Page, TrimmedError
from connectors.shards.walk import LOOK_SECONDS, LOOK_SOON_SECONDS, READS_AT_ONCE, ShardWalk
from connectors.testing import MemoryCheckpoints

PACE = Pace(idle=1.0, busy=0.2)
MOMENT = 1_700_000_000.0


class Service:
    """Shards in memory, whose records are numbered from 1 on in each.

    fault: asked before each request with its verb and shard; what it returns is raised.
    """

    def __init__(self, *shards: Shard) -> None:
        self.shards = list(shards)
        self.records: Counter[str] = Counter()
        self.oldest: Counter[str] = Counter()
        self.asked: list[tuple[float, str, str, str]] = []
        self.fault: Callable[[str, str], SourceError | None] = lambda _verb, _shard: None
        self.seconds = 0.0
        self.at_once = 0
        self.most_at_once = 0

    async def listed(self) -> tuple[list[Shard], float]:
        await self._asked("list", "", "")
        return list(self.shards), MOMENT

    async def iterator(self, shard: str, position: str) -> str:
        await self._asked("iterator", shard, position)
        if position == "LATEST":
            return str(self.records[shard])
        if position.isdecimal():
            if int(position) < self.oldest[shard] or int(position) > self.records[shard]:
                raise TrimmedError("words of the server")
            return position
        return str(self.oldest[shard])

    async def page(self, shard: str, iterator: str, limit: int) -> Page:
        await self._asked("page", shard, iterator)
        first = int(iterator)
        last = min(first + limit, self.records[shard])
        numbers = [str(number) for number in range(first + 1, last + 1)]
        over = last == self.records[shard] and any(each.closed for each in self.shards if each.id == shard)
        return Page(
            [Record(id=n, body=n, partition=shard, position=n, handle=n) for n in numbers],
            numbers[-1] if numbers else "",
            "" if over else str(last),
        )

    async def _asked(self, verb: str, shard: str, detail: str) -> None:
        self.asked.append((now(), verb, shard, detail))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.seconds)
        self.at_once -= 1
        fault = self.fault(verb, shard)
        if fault is not None:
            raise fault

    def times(self, verb: str, shard: str = "") -> list[float]:
        """When such requests came, in seconds since the first of all."""
        return [at - self.asked[0][0] for at, asked, of, _ in self.asked if (asked, of) == (verb, shard)]


class Reading:
    """A walk over a service, and its checkpoints."""

    def __init__(self, service: Service, start: str = "TRIM_HORIZON", timestamp: float | None = None) -> None:
        self.service = service
        self.checkpoints = MemoryCheckpoints()
        self.ends: list[str] = []
        self.reader = Reader("reader", start, timestamp, self.checkpoints, self._revoke, self.ends.append)
        self.walk = ShardWalk(service, self.reader, PACE, 10_000)

    async def begin(self, *, again: bool = False) -> Reading:
        if again:
            self.walk = ShardWalk(self.service, self.reader, PACE, 10_000)
        await self.walk.begin()
        return self

    async def fetch(self, room: int = 1000, wait: float = 0) -> list[str]:
        """What came, as shard:position; none of it settled."""
        return names(await self.walk.fetch(room, wait))

    async def _revoke(self, partitions: Collection[str]) -> None:
        raise AssertionError("nothing is revoked")


def names(records: Sequence[Record]) -> list[str]:
    return [f"{record.partition}:{record.position}" for record in records]


def done(records: Sequence[Record]) -> list[Settlement]:
    return [Settlement(record, Outcome.DELIVERED) for record in records]


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_an_idle_shard_is_asked_once_a_second() -> None:
    reading = await Reading(Service(Shard("a"))).begin()
    assert await reading.fetch(wait=4.5) == []
    assert reading.service.times("page", "a") == pytest.approx([0, 1, 2, 3, 4])


async def test_while_records_come_a_shard_is_asked_five_times_a_second() -> None:
    reading = await Reading(Service(Shard("a"))).begin()
    for _ in range(4):
        reading.service.records["a"] += 1
        assert len(await reading.fetch(wait=10)) == 1
    assert reading.service.times("page", "a") == pytest.approx([0, 0.2, 0.4, 0.6])


async def test_records_read_ahead_are_handed_out_without_asking() -> None:
    reading = await Reading(Service(Shard("a"))).begin()
    reading.service.records["a"] = 7
    assert await reading.fetch(room=3) == ["a:1", "a:2", "a:3"]
    assert await reading.fetch(room=3) == ["a:4", "a:5", "a:6"]
    assert await reading.fetch(room=3) == ["a:7"]
    assert len(reading.service.times("page", "a")) == 1


async def test_shards_share_the_room() -> None:
    reading = await Reading(Service(Shard("a"), Shard("b"), Shard("c"))).begin()
    reading.service.records.update({"a": 100, "b": 100, "c": 1})
    assert Counter(name[0] for name in await reading.fetch(room=9)) == {"a": 4, "b": 4, "c": 1}
    assert Counter(name[0] for name in await reading.fetch(room=1)) + Counter(
        name[0] for name in await reading.fetch(room=1)
    ) == {"a": 1, "b": 1}


async def test_no_room_asks_for_nothing() -> None:
    reading = await Reading(Service(Shard("a"))).begin()
    reading.service.records["a"] = 7
    assert await reading.fetch(room=0, wait=10) == []
    assert reading.service.times("page", "a") == []


async def test_many_shards_are_read_some_at_a_time_and_all_of_them() -> None:
    service = Service(*(Shard(f"s{n}") for n in range(50)))
    service.seconds = 0.01
    service.records.update({f"s{n}": 1 for n in range(50)})
    reading = await Reading(service, "LATEST").begin()
    service.records.update({f"s{n}": 1 for n in range(50)})
    seen: list[str] = []
    while len(seen) < 50:
        seen += await reading.fetch(wait=5)
    assert sorted(seen) == sorted(f"s{n}:2" for n in range(50))
    assert service.most_at_once == READS_AT_ONCE


async def test_one_throttled_shard_stops_no_other() -> None:
    service = Service(Shard("a"), Shard("b"))
    reading = await Reading(service).begin()
    service.fault = lambda verb, shard: Throttled("slowly") if (verb, shard) == ("page", "a") else None
    service.records.update({"a": 1, "b": 1})
    assert await reading.fetch(wait=10) == ["b:1"]
    service.records["b"] += 1
    assert await reading.fetch(wait=10) == ["b:2"]
    service.fault = lambda _verb, _shard: None
    assert await reading.fetch(wait=10) == ["a:1"]


async def test_when_all_shards_are_throttled_the_engine_is_told_for_how_long() -> None:
    service = Service(Shard("a"), Shard("b"))
    reading = await Reading(service).begin()
    service.fault = lambda verb, _shard: Throttled("slowly", retry_after=7) if verb == "page" else None
    for _ in range(2):  # asking once more before it is time asks nobody
        with pytest.raises(Throttled, match="slowly") as raised:
            await reading.fetch(wait=10)
        assert raised.value.retry_after == pytest.approx(7)
    assert len(service.times("page", "a")) == 1
    service.fault = lambda _verb, _shard: None
    service.records["a"] = 1
    await asyncio.sleep(7)
    assert await reading.fetch() == ["a:1"]


async def test_listing_that_is_throttled_stops_no_shard() -> None:
    service = Service(Shard("a"))
    reading = await Reading(service).begin()
    await asyncio.sleep(LOOK_SECONDS)
    service.fault = lambda verb, _shard: Throttled("slowly") if verb == "list" else None
    service.records["a"] = 1
    assert await reading.fetch() == ["a:1"]
    assert len(service.times("list")) == 2


async def test_an_iterator_that_ran_out_is_replaced_behind_the_last_record_read() -> None:
    service = Service(Shard("a"))
    reading = await Reading(service).begin()
    service.records["a"] = 3
    await reading.fetch()
    lost = [ExpiredIteratorError("too old")]
    service.fault = lambda verb, _shard: lost.pop() if verb == "page" and lost else None
    service.records["a"] = 5
    assert await reading.fetch(wait=1) == ["a:4", "a:5"]
    assert service.asked[-2][1:] == ("iterator", "a", "3")


async def test_from_latest_an_iterator_lost_before_any_record_falls_back_on_the_moment() -> None:
    service = Service(Shard("a"))
    service.records["a"] = 3
    reading = await Reading(service, "LATEST").begin()
    lost = [ExpiredIteratorError("too old")]
    service.fault = lambda verb, _shard: lost.pop() if verb == "page" and lost else None
    await reading.fetch()
    assert service.asked[-2][1:] == ("iterator", "a", f"AT_TIMESTAMP {MOMENT}")


async def test_latest_is_saved_before_anything_is_read_and_is_the_same_after_a_restart() -> None:
    service = Service(Shard("old", closed=True), Shard("a", ("old",)))
    service.records.update({"old": 3, "a": 3})
    reading = await Reading(service, "LATEST").begin()
    assert reading.checkpoints.kept == {"a": f"AT_TIMESTAMP {MOMENT}"}
    service.records["a"] = 4
    assert await reading.fetch() == ["a:4"]
    await reading.begin(again=True)
    await reading.fetch()
    assert service.asked[-2][1:] == ("iterator", "a", f"AT_TIMESTAMP {MOMENT}")
    assert len(reading.checkpoints.saves) == 1


async def test_from_latest_on_new_shards_are_read_from_their_first_record() -> None:
    service = Service(Shard("a"))
    reading = await Reading(service, "LATEST").begin()
    service.shards = [Shard("a", closed=True), Shard("b", ("a",))]
    service.records["b"] = 2
    assert await reading.fetch(wait=2) == [], "the end of its parent is told"
    assert await reading.fetch(wait=2) == ["b:1", "b:2"]


async def test_a_moment_holds_for_every_shard_that_is_not_known() -> None:
    service = Service(Shard("a"), Shard("b"))
    reading = Reading(service, "AT_TIMESTAMP", 1_600_000_000.5)
    reading.checkpoints.kept["a"] = "0"
    await reading.begin()
    await reading.fetch()
    asked = {shard: detail for _, verb, shard, detail in service.asked if verb == "iterator"}
    assert asked == {"a": "0", "b": "AT_TIMESTAMP 1600000000.5"}


async def test_a_checkpoint_whose_records_are_gone_moves_to_the_oldest_and_says_so() -> None:
    service = Service(Shard("a"))
    service.records["a"], service.oldest["a"] = 9, 6
    reading = Reading(service)
    reading.checkpoints.kept["a"] = "2"
    await reading.begin()
    assert await reading.fetch() == ["a:7", "a:8", "a:9"]
    (moved,) = reading.checkpoints.moves
    assert moved[:2] == ("a", "TRIM_HORIZON")
    assert moved[2] == (
        "the records behind 2 are gone (words of the server): reading goes on with the oldest there are"
    )


async def test_children_come_when_all_of_their_parent_is_settled() -> None:
    service = Service(Shard("a", closed=True), Shard("b", ("a",)), Shard("c", ("a",)))
    service.records.update({"a": 3, "b": 1, "c": 1})
    reading = await Reading(service).begin()
    records = await reading.walk.fetch(1000, 0)
    assert names(records) == ["a:1", "a:2", "a:3"]
    await reading.walk.settle(done(records[:2]))
    assert await reading.fetch(wait=3) == []
    fetching = asyncio.create_task(reading.fetch(wait=20))
    await asyncio.sleep(1.1)
    began = now()
    await reading.walk.settle(done(records[2:]))
    assert sorted(await fetching) == ["b:1", "c:1"]
    assert now() == began, "settling wakes a fetch that waits"
    assert reading.checkpoints.kept == {"a": END}


async def test_a_shard_that_ends_with_an_empty_page_makes_room_for_its_children() -> None:
    service = Service(Shard("a"))
    service.records["a"] = 1
    reading = await Reading(service).begin()
    records = await reading.walk.fetch(1000, 0)
    service.shards = [Shard("a", closed=True), Shard("b", ("a",))]
    service.records["b"] = 1
    assert await reading.fetch(wait=2) == []
    await reading.walk.settle(done(records))
    assert await reading.fetch(wait=2) == ["b:1"]


async def test_a_read_shard_on_hold_keeps_its_children_waiting() -> None:
    service = Service(Shard("a", closed=True), Shard("b", ("a",)))
    service.records.update({"a": 4, "b": 1})
    reading = await Reading(service).begin()
    first = await reading.walk.fetch(2, 0)
    reading.walk.hold(["a"])
    await reading.walk.settle(done(first))
    assert await reading.fetch(wait=3) == []
    reading.walk.hold([])
    assert await reading.fetch(wait=3) == ["a:3", "a:4"]


async def test_children_that_are_listed_late_are_found_soon() -> None:
    service = Service(Shard("a", closed=True))
    reading = await Reading(service).begin()
    assert await reading.fetch(wait=1) == []
    service.shards.append(Shard("b", ("a",)))
    service.records["b"] = 1
    began = now()
    assert await reading.fetch(wait=LOOK_SECONDS) == ["b:1"]
    assert now() - began <= LOOK_SOON_SECONDS
    assert not reading.walk.is_over


async def test_new_shards_without_parents_are_found_in_time() -> None:
    service = Service(Shard("a"))
    reading = await Reading(service).begin()
    service.shards.append(Shard("b"))
    service.records["b"] = 1
    began = now()
    assert await reading.fetch(wait=10 * LOOK_SECONDS) == ["b:1"]
    assert now() - began == pytest.approx(LOOK_SECONDS, abs=1)


@pytest.mark.parametrize(
    ("position", "why"), [("3", "what was not read of it by then is gone"), (END, "read to its end")]
)
async def test_a_shard_that_is_no_longer_listed_is_forgotten_with_a_reason(position: str, why: str) -> None:
    reading = Reading(Service(Shard("a")))
    reading.checkpoints.kept.update({"a": "0", "gone": position})
    await reading.begin()
    (moved,) = reading.checkpoints.moves
    assert moved[:2] == ("gone", None)
    assert why in moved[2]
    await reading.walk.settle(done([Record(id="4", body="", partition="gone", position="4", handle="4")]))
    assert reading.checkpoints.kept == {"a": "0"}, "a late settlement does not bring it back"


async def test_a_shard_that_goes_missing_while_it_is_read_stops_no_other() -> None:
    service = Service(Shard("a"), Shard("b"))
    reading = await Reading(service).begin()
    await reading.fetch()
    service.shards = [Shard("b"), Shard("c", ("a",))]
    service.fault = lambda verb, shard: Missing("no such shard") if (verb, shard) == ("page", "a") else None
    service.records.update({"b": 1, "c": 1})
    seen: list[str] = []
    while len(seen) < 2:
        seen += await reading.fetch(wait=5)
    assert sorted(seen) == ["b:1", "c:1"]


async def test_a_stream_that_goes_missing_says_so() -> None:
    service = Service(Shard("a"))
    reading = await Reading(service).begin()
    service.fault = lambda _verb, _shard: Missing("no such stream")
    with pytest.raises(Missing, match="no such stream"):
        await reading.fetch(wait=5)


async def test_a_broken_connection_says_so_and_what_was_read_beside_it_comes_again() -> None:
    service = Service(Shard("a"), Shard("b"))
    reading = await Reading(service).begin()
    service.records.update({"a": 1, "b": 1})
    service.fault = lambda verb, shard: Unreachable("gone") if (verb, shard) == ("page", "a") else None
    with pytest.raises(Unreachable):
        await reading.fetch()
    service.fault = lambda _verb, _shard: None
    await reading.begin(again=True)
    assert sorted(await reading.fetch()) == ["a:1", "b:1"]


async def test_a_cancelled_fetch_loses_nothing_and_repeats_nothing() -> None:
    service = Service(*(Shard(f"s{n}") for n in range(20)))
    reading = await Reading(service).begin()
    service.records.update({f"s{n}": 1 for n in range(20)})
    service.seconds = 1.0
    seen: list[str] = []
    for seconds in (0.5, 1.5, 0.1, 2.5):
        fetching = asyncio.create_task(reading.fetch(room=3, wait=30))
        await asyncio.sleep(seconds)
        fetching.cancel()
        await asyncio.wait([fetching])
        if not fetching.cancelled():
            seen += fetching.result()
    while len(seen) < 20:
        seen += await reading.fetch(wait=30)
    assert sorted(seen) == sorted(f"s{n}:1" for n in range(20))


async def test_a_fetch_under_way_ends_when_the_walk_is_closed() -> None:
    reading = await Reading(Service(Shard("a"))).begin()
    fetching = asyncio.create_task(reading.fetch(wait=20))
    await asyncio.sleep(0.5)
    began = now()
    await reading.walk.close()
    with pytest.raises(Unreachable):
        await fetching
    assert now() == began


async def test_positions_go_forward_whatever_order_settlements_are_told_in() -> None:
    service = Service(Shard("a"))
    service.records["a"] = 12
    reading = await Reading(service).begin()
    records = await reading.walk.fetch(1000, 0)
    await asyncio.gather(*(reading.walk.settle(done(part)) for part in (records[:11], records[:3], records[11:])))
    await reading.walk.settle(done(records[:5]))
    assert [saved["a"] for saved in reading.checkpoints.saves] == ["11", "12"]


async def test_a_store_that_fails_is_told_again() -> None:
    service = Service(Shard("a", closed=True))
    service.records["a"] = 1
    reading = await Reading(service).begin()
    records = await reading.walk.fetch(1000, 0)
    save, faults = reading.checkpoints.save, [SourceError("the store is away")]

    async def failing(positions: dict[str, str]) -> None:
        if faults:
            raise faults.pop()
        await save(positions)

    reading.checkpoints.save = failing  # type: ignore[assignment,method-assign] # a store with an outage
    with pytest.raises(SourceError):
        await reading.walk.settle(done(records))
    assert reading.checkpoints.kept == {}
    await reading.walk.settle(done(records))
    assert reading.checkpoints.kept == {"a": END}


async def test_the_end_of_a_shard_is_told_with_its_last_records() -> None:
    reading = await Reading(Service(Shard("a", closed=True), Shard("b"))).begin()
    reading.service.records["a"] = 3
    assert await reading.fetch(room=2) == ["a:1", "a:2"]
    assert reading.ends == []
    assert await reading.fetch() == ["a:3"]
    assert reading.ends == ["a"]
    assert await reading.fetch(wait=5) == []
    assert reading.ends == ["a"], "once"


async def test_the_end_of_a_shard_that_had_nothing_more_ends_the_wait() -> None:
    service = Service(Shard("a"), Shard("b"))
    reading = await Reading(service).begin()
    assert await reading.fetch(wait=5) == []
    service.shards[0] = Shard("a", closed=True)
    began = now()
    assert await reading.fetch(wait=20) == []
    assert now() - began <= PACE.idle
    assert reading.ends == ["a"]


async def test_ends_are_told_anew_when_it_is_opened_again() -> None:
    reading = await Reading(Service(Shard("a", closed=True), Shard("b"))).begin()
    assert await reading.fetch() == []
    assert (reading.ends, reading.checkpoints.kept["a"]) == (["a"], END)
    await reading.begin(again=True)
    assert reading.ends == ["a", "a"]
