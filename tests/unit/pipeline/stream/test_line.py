"""What waits in a lane becomes batches by count, bytes and time."""

from __future__ import annotations

from connectors.contract import Record
from poller.pipeline.batch import Batch, Item, Limits
from poller.pipeline.stream.line import Line

OVERHEAD = 14


def items(*names: str, size: int = 2) -> list[Item]:
    return [Item(Record(id=name, body="", lane="p"), b"x" * size) for name in names]


def extend(waiting: Line, new: list[Item], now: float) -> None:
    waiting.extend(new, sum(len(item.part) for item in new), now)


def line(size: int = 3, window: float = 0.0, max_bytes: int = 1000) -> Line:
    return Line(Limits(size, window, max_bytes, OVERHEAD))


def shown(batch: Batch | None) -> tuple[str, str] | None:
    return ("".join(record.id for record in batch.records), batch.reason) if batch else None


def test_without_a_window_what_waits_goes_up_to_the_size() -> None:
    waiting = line()
    assert waiting.cut(0.0) is None
    extend(waiting, items(*"abcde"), 0.0)
    assert shown(waiting.cut(0.0)) == ("abc", "size")
    assert shown(waiting.cut(0.0)) == ("de", "poll")
    assert waiting.cut(0.0) is None
    assert waiting.due is None


def test_what_waits_goes_at_once_when_nothing_more_comes() -> None:
    waiting = line(window=5.0)
    extend(waiting, items("a"), 10.0)
    assert waiting.cut(11.0) is None
    waiting.hurry()
    assert shown(waiting.cut(11.0)) == ("a", "window")
    extend(waiting, items("b"), 12.0)
    assert waiting.cut(12.0) is None, "it came all the same"


def test_the_first_window_begins_with_the_first_record() -> None:
    waiting = line(window=5.0)
    extend(waiting, items("a"), 10.0)
    extend(waiting, items("b"), 14.0)
    assert waiting.due == 15.0
    assert waiting.cut(14.9) is None
    assert shown(waiting.cut(15.0)) == ("ab", "window")


def test_the_next_window_begins_when_the_batch_is_dealt_with() -> None:
    waiting = line(window=5.0)
    extend(waiting, items("a"), 0.0)
    waiting.cut(5.0)
    extend(waiting, items("b"), 7.0)
    waiting.ended(20.0)
    assert waiting.due == 25.0
    waiting.ended(30.0)
    assert waiting.cut(34.0) is None
    assert shown(waiting.cut(35.0)) == ("b", "window")


def test_after_a_window_in_which_nothing_came_the_next_record_does_not_wait() -> None:
    waiting = line(window=5.0)
    waiting.ended(0.0)
    extend(waiting, items("a"), 60.0)
    assert shown(waiting.cut(60.0)) == ("a", "window")


def test_a_full_batch_does_not_wait_for_the_window() -> None:
    waiting = line(window=5.0)
    extend(waiting, items(*"abcd"), 0.0)
    assert shown(waiting.cut(0.0)) == ("abc", "size")
    assert waiting.cut(0.0) is None


def test_bytes_are_those_of_the_event_commas_included() -> None:
    exactly = OVERHEAD + 10 + 1 + 10
    waiting = line(max_bytes=exactly, window=5.0)
    extend(waiting, items("a", "b", size=10), 0.0)
    assert not waiting.full
    extend(waiting, items("c", size=1), 0.0)
    batch = waiting.cut(0.0)
    assert shown(batch) == ("ab", "bytes")
    assert batch is not None
    assert batch.size_bytes == exactly
    assert not waiting.full


def test_a_lone_record_that_is_too_big_comes_alone() -> None:
    waiting = line(max_bytes=50)
    extend(waiting, items("a") + items("b", size=100) + items("c"), 0.0)
    assert [shown(waiting.cut(0.0)) for _ in range(3)] == [("a", "bytes"), ("b", "bytes"), ("c", "poll")]


def test_a_record_that_does_not_fit_ends_the_batch_and_the_wait_for_it() -> None:
    waiting = line(size=10, window=5.0)
    extend(waiting, items("a", "b", "X", "c"), 0.0)
    assert shown(waiting.cut(0.0, lambda record: record.id.islower())) is None, "the last fits"
    extend(waiting, items("Y"), 0.0)
    assert shown(waiting.cut(0.0, lambda record: record.id.islower())) == ("ab", "window")
    assert waiting.head is not None
    assert waiting.head.record.id == "X"


def test_what_is_forgotten_is_gone() -> None:
    waiting = line(max_bytes=50)
    extend(waiting, items(*"ab", size=30), 0.0)
    assert [item.record.id for item in waiting.clear()] == ["a", "b"]
    assert (len(waiting), waiting.head, waiting.full) == (0, None, False)
