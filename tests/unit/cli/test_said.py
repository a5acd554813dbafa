"""What a mapping did and what was changed of it, as lines for people; jumps and other changes in one order."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from poller.cli.mappings import said
from poller.cli.mappings.explain import _lines
from poller.control import history, positions, store
from poller.control.history import By, Line


def test_an_explanation_is_made_of_lines() -> None:
    now = {
        "reasons": [
            {"reason": "paused", "sentence": "it is paused", "since": "09:30"},
            {"reason": "x", "sentence": "y"},
        ],
        "last": {"fetch": {"at": "09:00", "records": 5}, "done": {"at": "09:01"}},
    }
    assert _lines({"now": now, "changes": []}) == [
        "now:",
        "  reasons:",
        "    it is paused (since 09:30)",
        "    y",
        "  last:",
        "    fetch: 09:00, records 5",
        "    done: 09:01",
        "changes: []",
    ]


def test_jumps_and_changes_stand_in_order_of_time(tmp_path: Path) -> None:
    late = By(epoch=4_000_000_000.0, who="ada", why="slow")
    early = By(epoch=1_000_000_000.5, who="files")
    keys = {"batch_size": (5, None), "enabled": (True, False)}
    with closing(store.connect(tmp_path)) as connection:
        history.write(connection, [Line(mapping="m", what="paused", by=late)])
        history.write(connection, [Line(mapping="m", what="changed", by=early, keys=keys)])
        positions.write(connection, positions.moved("m", ["shard-1"], "7", who="bob", why="again"))
    found = said.entries(tmp_path, "m")
    assert [entry["what"] for entry in found] == ["changed", "moved", "paused"]
    moment = found[1]["moment"]
    assert [list(said.rows(entry)) for entry in found] == [
        [
            ("2001-09-09T01:46:40.500Z", "files", "changed", "batch_size", "5", "-", ""),
            ("2001-09-09T01:46:40.500Z", "files", "changed", "enabled", "true", "false", ""),
        ],
        [(moment, "bob", "moved", "shard-1", "-", "7", "again")],
        [("2096-10-02T07:06:40.000Z", "ada", "paused", "", "", "", "slow")],
    ]
    assert list(said.LINES["changes"](found))[2:] == [
        f"{moment} bob moved shard-1: - -> 7 (again)",
        "2096-10-02T07:06:40.000Z ada paused (slow)",
    ]
