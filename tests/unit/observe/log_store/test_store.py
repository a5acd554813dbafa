"""The daemon's store: facts in, events out, whatever the file does."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from poller.observe.events import Fact, LogEventsDropped, LogStoreFailedError, StopBegan
from poller.observe.log_store import LogReader, LogStore, LogStoreError, Range, store
from poller.observe.log_store.chunks import decode, encode, message
from poller.observe.log_store.file import FILE
from tests.unit.observe.log_store.told import GROUP, PLENTY, line


class Kept:
    """A store, and what it told."""

    def __init__(self, state: Path) -> None:
        self.facts: list[Fact] = []
        self.store = LogStore(state, PLENTY, self.facts.append)

    async def messages(self) -> list[str]:
        page = await self.store.read(lambda reader: reader.events(GROUP, Range(), limit=10**6))
        return [event.message for event in page.events]


@contextlib.asynccontextmanager
async def kept(state: Path) -> AsyncIterator[Kept]:
    found = Kept(state)
    try:
        yield found
    finally:
        await found.store.close()


async def test_who_reads_sees_all_that_was_told_before(tmp_path: Path) -> None:
    async with kept(tmp_path) as one:
        for number in range(3):
            one.store(line(f"{number}"))
            one.store(StopBegan(reason="x", seconds=1))
            assert await one.messages() == [f"{n}\n" for n in range(number + 1)]
    with contextlib.closing(LogReader(tmp_path)) as reader:
        assert len(reader.events(GROUP, Range(), limit=9).events) == 3


async def test_what_was_told_is_written_at_the_end(tmp_path: Path) -> None:
    async with kept(tmp_path) as one:
        one.store(line("last words"))
    with contextlib.closing(LogReader(tmp_path)) as reader:
        [event] = reader.events(GROUP, Range(), limit=9).events
    assert event.message == "last words\n"


async def test_a_store_that_is_not_used_makes_no_file(tmp_path: Path) -> None:
    async with kept(tmp_path) as one:
        one.store(StopBegan(reason="x", seconds=1))
    assert not list(tmp_path.iterdir())


async def test_events_wait_while_the_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    async with kept(tmp_path) as one:
        one.store(line("first"))
        await one.store.change(lambda _: None)
        [failed] = one.facts
        assert isinstance(failed, LogStoreFailedError)
        assert FILE in failed.message
        assert failed.retry_seconds > 0
        (tmp_path / FILE).rmdir()
        one.store(line("second"))
        assert await one.messages() == ["first\n", "second\n"]
        assert {type(fact) for fact in one.facts} == {LogStoreFailedError}


async def test_beyond_the_bound_the_newest_are_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_WAITING", 10 * (store.EVENT_SIZE + 1))
    async with kept(tmp_path) as one:
        for number in range(13):
            one.store(line(f"{number % 10}"))
        assert await one.messages() == [f"{number}\n" for number in range(10)]
        assert one.facts == [LogEventsDropped(place="store", count=3, why="they could not be stored in time")]
        one.store(line("again"))
        assert len(await one.messages()) == 11


async def test_what_cannot_be_stored_at_the_end_is_counted(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    async with kept(tmp_path) as one:
        one.store(line("lost"))
    assert [type(fact) for fact in one.facts] == [LogStoreFailedError, LogEventsDropped]


async def test_who_asks_after_the_end_is_told(tmp_path: Path) -> None:
    async with kept(tmp_path) as one:
        one.store(line("x"))
    with pytest.raises(LogStoreError, match="the daemon stops"):
        await one.messages()
    with pytest.raises(LogStoreError, match="the daemon stops"):
        await one.store.change(lambda writer: writer.create_group("g"))


def test_messages_are_as_the_service_has_them() -> None:
    assert message(line("plain")) == "plain\n"
    assert message(line('{"level": "INFO"}')) == '{"level": "INFO"}\n'
    assert message(line("START RequestId: 1", platform=True)) == "START RequestId: 1\n"
    assert message(line('{"type": "platform.start"}', platform=True)) == '{"type": "platform.start"}'


def test_half_a_surrogate_pair_costs_one_character() -> None:
    assert [text for _, text in decode(encode([(1, "a\ud800b")]))] == ["a?b"]
