"""The oracle itself: it must see what it is there to see."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.faults.oracle import Journal, Note, Row, Verdict, ends, overtaken, table


def note(what: str, n: int, group: str = "") -> Note:
    return Note(what=what, n=n, receives=1, group=group, pid=1, at=0.0)


def run(*numbers: int, group: str = "") -> list[Note]:
    """Each started and ended, one after the other."""
    return [note(what, n, group) for n in numbers for what in ("start", "end")]


def test_a_message_that_only_started_is_lost() -> None:
    notes = [*run(1, 2), note("start", 3)]
    assert Verdict([1, 2, 3], ends(notes), []).lost == [3]


def test_what_a_queue_still_holds_is_not_lost() -> None:
    assert Verdict([1, 2], ends(run(1)), [2]).lost == []


def test_every_end_beyond_the_first_is_a_duplicate() -> None:
    verdict = Verdict([1, 2], ends(run(1, 2, 1, 1)), [])
    assert (verdict.duplicates, verdict.lost) == (2, [])


def test_what_was_never_sent_is_a_stranger() -> None:
    assert Verdict([1], Counter({1: 1, 9: 1}), []).strangers == [9]


def test_a_message_that_starts_before_its_predecessor_has_ended_overtakes() -> None:
    assert overtaken([note("start", 1, "a"), *run(2, group="a"), note("end", 1, "a")]) != []


def test_redelivery_in_order_overtakes_nothing() -> None:
    assert overtaken([*run(1, group="a"), note("start", 2, "a"), *run(1, 2, 3, group="a"), *run(0, group="b")]) == []


def test_a_line_is_read_once_it_is_whole(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    assert journal.notes() == []
    whole = '{"what":"end","n":%d,"receives":1,"group":"","pid":1,"at":0.0}\n'
    journal.path.write_text(whole % 1 + (whole % 2)[:20])
    assert [n.n for n in journal.notes()] == [1]
    journal.path.write_text(whole % 1 + whole % 2)
    assert [n.n for n in journal.notes()] == [1, 2]


def test_the_table_shows_each_row_under_its_headings() -> None:
    lines = table([Row("kill", 10, 9, 1, 0, 5, "one batch", 1.25)])
    assert [cell.strip() for cell in lines[1].split("|")] == ["kill", "10", "9", "1", "0", "5", "1.2", "one batch"]
    assert len({len(line.rstrip()) for line in lines}) <= 2
