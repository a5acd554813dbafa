"""When a batch closes: by count, by bytes, by time."""

from __future__ import annotations

from connectors.contract import Record
from poller.pipeline.batch import Batcher, Item, Limits


def item(name: str, part: bytes = b"{}", lane: str | None = None) -> Item:
    return Item(Record(id=name, body="", lane=lane), part)


def limits(size: int = 10, window: float = 0.0, max_bytes: int = 1000, overhead: int = 14) -> Limits:
    return Limits(size, window, max_bytes, overhead)


def ids(batches: list) -> list[str]:  # type: ignore[type-arg]  # of Batch
    return ["".join(record.id for record in batch.records) for batch in batches]


def test_without_a_window_a_batch_is_what_one_poll_returned() -> None:
    batcher = Batcher(limits())
    assert batcher.offer([item("a"), item("b")], 0.0) == []
    batches = batcher.cut(0.0)
    assert ids(batches) == ["ab"]
    assert batches[0].reason == "poll"
    assert batcher.cut(0.0) == []


def test_a_full_batch_goes_at_once_and_the_rest_stays_open() -> None:
    batcher = Batcher(limits(size=2, window=5))
    full = batcher.offer([item(name) for name in "abcde"], 0.0)
    assert ids(full) == ["ab", "cd"]
    assert {batch.reason for batch in full} == {"size"}
    assert batcher.room == 1
    assert batcher.due() == 5.0


def test_the_window_runs_from_the_first_record() -> None:
    batcher = Batcher(limits(window=5))
    batcher.offer([item("a")], 100.0)
    batcher.offer([item("b")], 104.0)
    assert batcher.due() == 105.0
    assert batcher.cut(104.999) == []
    batches = batcher.cut(105.0)
    assert ids(batches) == ["ab"]
    assert batches[0].reason == "window"
    assert batcher.due() is None


def test_bytes_are_those_of_the_whole_event_and_never_past_the_limit() -> None:
    part = b'{"x":1}'
    batcher = Batcher(limits(max_bytes=14 + 7 * 3 + 2))  # an event of exactly three parts
    full = batcher.offer([item(name, part) for name in "abcd"], 0.0)
    assert ids(full) == ["abc"]
    assert full[0].reason == "bytes"
    assert full[0].size_bytes == 14 + 7 * 3 + 2


def test_a_lone_record_that_is_too_big_comes_back_alone() -> None:
    batcher = Batcher(limits(max_bytes=50))
    batches = batcher.offer([item("a"), item("B", b"x" * 60), item("c")], 0.0) + batcher.cut(0.0)
    assert ids(batches) == ["a", "B", "c"]
    assert batches[1].size_bytes > 50


def test_lanes_never_share_a_batch() -> None:
    batcher = Batcher(limits())
    batcher.offer([item("1", lane="A"), item("2", lane="B"), item("3", lane="A")], 0.0)
    assert ids(batcher.cut(0.0)) == ["13", "2"]


def test_the_rest_is_everything_that_was_not_cut_in_order() -> None:
    batcher = Batcher(limits(window=5))
    batcher.offer([item("a"), item("b")], 0.0)
    assert [record.id for record in batcher.rest()] == ["a", "b"]
    assert batcher.due() is None
    assert batcher.room == 10
