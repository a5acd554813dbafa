"""Where an operator may send a mapping, how that is written, and what is moved: checkpoints, or the source's own server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path

import pytest

from connectors.contract import Capabilities, Identity, Reader, Record, Settlement, Unsettled
from poller.control import positions
from poller.control.checkpoints import CheckpointStore, StoredCheckpoints
from poller.control.positions import Start
from poller.control.rewind import Rewind, RewindError, rewind, target

KINESIS = Capabilities(envelope="kinesis", stream=True, starting_positions=("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"))
DYNAMODB = Capabilities(envelope="dynamodb", stream=True, starting_positions=("TRIM_HORIZON", "LATEST"))
QUEUE = Capabilities(envelope="sqs")
NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "to"),
    [
        ("TRIM_HORIZON", Start("TRIM_HORIZON")),
        (" latest ", Start("LATEST")),
        ("2026-11-01T09:30:00Z", Start("AT_TIMESTAMP", 1793525400.0)),
        ("2026-11-01T10:30:00+01:00", Start("AT_TIMESTAMP", 1793525400.0)),
        ("49590338271490256608559692538361571095921575989136588898", "49590338271490256608559692538361571095921575989136588898"),
        ("1526919030474-55", "1526919030474-55"),
        ("SHARD_0", "SHARD_0"),
        ("0", "0"),
    ],
)  # fmt: skip
def test_places_as_operators_write_them(text: str, to: Start | str) -> None:
    assert target(text, KINESIS, NOW) == to


@pytest.mark.parametrize(
    ("text", "able", "sentence"),
    [
        ("LATEST", QUEUE, "the source of this mapping is a queue: what is done with is gone from it, and there is nothing to go back to"),
        ("TRIM_HORIZN", KINESIS, "'TRIM_HORIZN' is neither a starting position nor a time nor a position; did you mean TRIM_HORIZON?"),
        ("", KINESIS, "'' is neither a starting position nor a time nor a position; known are AT_TIMESTAMP, LATEST, TRIM_HORIZON"),
        ("AT_TIMESTAMP", KINESIS, "write the time itself, as in 2026-11-01T09:30:00Z"),
        ("2026-11-01", KINESIS, "'2026-11-01' does not say in which zone; write 2026-11-01T00:00:00Z for UTC, or +02:00 behind it"),
        ("2026-13-01T00:00:00Z", KINESIS, "'2026-13-01T00:00:00Z' is no time; write it as in 2026-11-01T09:30:00Z"),
        ("2099-01-01T00:00:00Z", KINESIS, "2099-01-01T00:00:00Z is in the future; LATEST reads what comes from now on"),
        (
            "2026-11-01T00:00:00Z", DYNAMODB,
            "this source cannot be read from AT_TIMESTAMP 2026-11-01T00:00:00Z on; it knows TRIM_HORIZON, LATEST",
        ),
    ],
)  # fmt: skip
def test_places_that_are_none(text: str, able: Capabilities, sentence: str) -> None:
    with pytest.raises(RewindError) as error:
        target(text, able, NOW)
    assert str(error.value) == sentence


class Fake:
    """A stream whose positions the engine keeps."""

    capabilities = KINESIS

    async def open(self) -> Identity:
        raise AssertionError

    async def fetch(self, room: int, wait_seconds: float) -> list[Record]:
        raise AssertionError

    async def settle(self, settlements: Sequence[Settlement]) -> list[Unsettled]:
        raise AssertionError

    async def close(self) -> None:
        raise AssertionError

    def read_as(self, reader: Reader) -> None:
        raise AssertionError

    def hold(self, partitions: Collection[str]) -> None:
        raise AssertionError


class Served(Fake):
    """A stream whose server keeps positions."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def read_as(self, reader: Reader) -> None:
        self.asked.append(reader.name)

    async def seek(self, partition: str | None, to: str, timestamp: float | None) -> Mapping[str, str]:
        self.asked.append((partition, to, timestamp))
        return {"t-0": "17"}


@contextlib.asynccontextmanager
async def kept(state: Path) -> AsyncIterator[StoredCheckpoints]:
    store = CheckpointStore(state, lambda _: None)
    async with store.taken("m") as checkpoints:
        await checkpoints.save({"shard-1": "10", "shard-2": "20"})
        await checkpoints.mark({"shard-2": {"0/2": "30"}})
        yield checkpoints
    await store.close()


async def move(checkpoints: StoredCheckpoints, source: Fake, to: Start | str, partition: str | None = None) -> None:
    async def revoke(_: Collection[str]) -> None:
        raise AssertionError

    reader = Reader("m", "TRIM_HORIZON", None, checkpoints, revoke)
    await rewind(Rewind(partition=partition, to=to, who="ann", why="again"), source, checkpoints, reader)


async def test_all_partitions_begin_anew(tmp_path: Path) -> None:
    async with kept(tmp_path) as checkpoints:
        await move(checkpoints, Fake(), Start("LATEST"))
        assert (checkpoints.positions(), checkpoints.marks(), checkpoints.start) == ({}, {}, Start("LATEST"))


async def test_one_partition_goes_to_a_start_and_the_others_stay(tmp_path: Path) -> None:
    async with kept(tmp_path) as checkpoints:
        await move(checkpoints, Fake(), Start("AT_TIMESTAMP", 5.0), "shard-2")
        assert checkpoints.positions() == {"shard-1": "10", "shard-2": "AT_TIMESTAMP 5.0"}
        assert (checkpoints.marks(), checkpoints.start) == ({}, None)


async def test_one_partition_goes_to_a_position(tmp_path: Path) -> None:
    async with kept(tmp_path) as checkpoints:
        await move(checkpoints, Fake(), "5", "shard-1")
        assert checkpoints.positions() == {"shard-1": "5", "shard-2": "20"}
        assert checkpoints.marks() == {"shard-2": {"0/2": "30"}}


async def test_a_position_needs_its_partition_unless_there_is_one_only(tmp_path: Path) -> None:
    async with kept(tmp_path) as checkpoints:
        with pytest.raises(
            RewindError, match="a position is one of a partition; say which: known are shard-1, shard-2"
        ):
            await move(checkpoints, Fake(), "5")
        await checkpoints.move("shard-1", None, "gone")
        await move(checkpoints, Fake(), "5")
        assert checkpoints.positions() == {"shard-2": "5"}


@pytest.mark.parametrize(
    ("partition", "hint"), [("shard-3", r"did you mean shard-\d\?"), ("x", "known are shard-1, shard-2")]
)
async def test_a_partition_that_nobody_has_read_is_refused(tmp_path: Path, partition: str, hint: str) -> None:
    async with kept(tmp_path) as checkpoints:
        with pytest.raises(RewindError, match=f"nothing has been read of a partition '{partition}'; {hint}"):
            await move(checkpoints, Fake(), Start("LATEST"), partition)
        assert checkpoints.positions() == {"shard-1": "10", "shard-2": "20"}


async def test_what_was_never_read_cannot_be_sent_anywhere(tmp_path: Path) -> None:
    async with kept(tmp_path) as checkpoints:
        for partition in ("shard-1", "shard-2"):
            await checkpoints.move(partition, None, "gone")
        await checkpoints.mark({"shard-1": {"0/2": "12"}})
        with pytest.raises(
            RewindError, match="no position of this mapping is kept here: nothing was read yet, and start"
        ):
            await move(checkpoints, Fake(), Start("TRIM_HORIZON"))
        assert checkpoints.start is None


async def test_a_server_that_keeps_positions_is_asked_and_only_the_log_is_ours(tmp_path: Path) -> None:
    source = Served()
    async with kept(tmp_path) as checkpoints:
        await move(checkpoints, source, Start("AT_TIMESTAMP", 5.0))
        await move(checkpoints, source, "16", "t-0")
        assert checkpoints.positions() == {"shard-1": "10", "shard-2": "20"}
    assert source.asked == ["m", (None, "AT_TIMESTAMP", 5.0), "m", ("t-0", "16", None)]
    logged = [(line.partition, line.before, line.after, line.why) for line in positions.log(tmp_path, "m")]
    assert logged == [("t-0", None, "17", "again")] * 2
