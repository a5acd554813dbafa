"""What the source is told, and when: the longest finished prefix, or each record as it is finished."""

from __future__ import annotations

from connectors.contract import Outcome, Record, Settlement
from poller.pipeline.batch import Item
from poller.pipeline.stream.ledger import AnyOrder, InOrder, Ledger


def items(*names: str) -> list[Item]:
    return [Item(Record(id=name, body="", position=name), b"") for name in names]


def told(ledger: Ledger) -> list[tuple[str, str]]:
    return [(settlement.record.id, settlement.outcome.value) for settlement in ledger.ready()]


def left(ledger: Ledger) -> str:
    return "".join(record.id for record in ledger.records())


def test_a_record_that_is_finished_early_waits_for_those_before_it() -> None:
    ledger, all_ = InOrder(), items(*"abcd")
    ledger.add(all_)
    ledger.finish(all_[1:3], Outcome.DELIVERED)
    assert told(ledger) == []
    ledger.finish(all_[:1], Outcome.REJECTED)
    assert ledger.moved
    assert told(ledger) == [("a", "rejected"), ("b", "delivered"), ("c", "delivered")]
    assert told(ledger) == []


def test_a_restart_goes_on_with_what_the_source_was_not_told() -> None:
    ledger, all_ = InOrder(), items(*"abc")
    ledger.add(all_)
    ledger.finish(all_[:2], Outcome.DELIVERED)
    ready = ledger.ready()
    assert ledger.first is all_[0].record, "told is more than ready to be told"
    assert left(ledger) == "abc"
    ledger.told(ready)
    assert ledger.first is all_[2].record
    assert left(ledger) == "c"


def test_a_restart_goes_on_behind_everything_when_all_is_told() -> None:
    ledger, all_ = InOrder(), items("a")
    ledger.add(all_)
    ledger.finish(all_, Outcome.DELIVERED)
    ledger.told(ledger.ready())
    assert ledger.first is None
    assert not ledger.moved


def test_filtered_records_are_finished_from_the_beginning() -> None:
    ledger, [first, last] = InOrder(), items(*"ab")
    ledger.add([Item(first.record, b"", Outcome.FILTERED), last])
    assert told(ledger) == [("a", "filtered")]


def test_a_source_that_takes_each_record_by_itself_is_told_at_once() -> None:
    ledger, all_ = AnyOrder(), items(*"abcd")
    ledger.add([*all_[:3], Item(all_[3].record, b"", Outcome.FILTERED)])
    ledger.finish(all_[1:2], Outcome.DELIVERED)
    assert ledger.moved
    ready = ledger.ready()
    assert ready == [Settlement(all_[3].record, Outcome.FILTERED), Settlement(all_[1].record, Outcome.DELIVERED)]
    assert ledger.ready() == []
    assert left(ledger) == "abcd"
    ledger.told(ready)
    assert left(ledger) == "ac"
    assert ledger.first is None, "no position says how far it is"
