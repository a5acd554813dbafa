"""What is recorded of mappings: who changed what, without secrets; kept while the state file cannot serve, and bounded."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from connectors.kafka.options import KafkaOptions
from poller.control import history, store
from poller.control.audit import Audit, Mappings
from poller.control.differences import HIDDEN, secrets_that_differ, shown
from poller.control.history import By, Line
from poller.control.writer import Writer
from poller.observe.events import AuditPostponed, BreakerClosed, BreakerOpened, Fact, MappingRebuilt, StateWritten
from poller.settings.model import MappingSettings
from poller.settings.model.mappings import CircuitBreakerSettings, SourceSettings
from poller.settings.secrets import Secret
from tests.fakes.virtual_time import LoopClock


def mapping(password: str = "", **keys: Any) -> MappingSettings:
    """Of a Kafka topic."""
    login: dict[str, Any] = {"sasl_mechanism": "PLAIN", "username": "u", "password": password} if password else {}
    options = KafkaOptions(bootstrap_servers=["127.0.0.1:9092"], topic="t", **login)
    return MappingSettings(source=SourceSettings(type="kafka", options=options), function="f", **keys)


class Scene:
    """An audit on a state file; what it told."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.facts: list[Fact] = []
        self.writer = Writer(state, patience=0.01)
        self.audit = Audit(self.writer, clock=LoopClock(), emit=self.facts.append)

    async def start_anew(self, mappings: Mappings) -> None:
        """As a daemon that ends and one that begins."""
        await self.close()
        self.writer = Writer(self.state, patience=0.01)
        self.audit = Audit(self.writer, clock=LoopClock(), emit=self.facts.append)
        self.audit.begin(mappings)

    def told(self, name: str) -> list[tuple[str, str, Any, str]]:
        return [(line.what, line.by.who, line.keys, line.by.why) for line in history.log(self.state, name)]

    async def close(self) -> None:
        await self.audit.close()
        await self.writer.close()


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    found = Scene(tmp_path)
    yield found
    await found.close()


async def test_a_mapping_that_comes_changes_and_goes_is_recorded(scene: Scene) -> None:
    first = mapping(batch_size=5)
    second = dataclasses.replace(first, batch_size=7, circuit_breaker=CircuitBreakerSettings(failures=3))
    off = dataclasses.replace(second, enabled=False)
    turns: list[Mappings] = [{}, {"m": first}, {"m": second}, {"m": off}, {"m": second}, {}]
    for before, after in pairwise(turns):
        await scene.audit.changed(before, after, "API key AKIA1", "why")
    [created, changed, disabled, enabled, removed] = scene.told("m")
    assert created[:2] == ("created", "API key AKIA1")
    assert created[2] == {
        "batch_size": (None, 5),
        "function": (None, "f"),
        "source.bootstrap_servers": (None, ["127.0.0.1:9092"]),
        "source.topic": (None, "t"),
        "source.type": (None, "kafka"),
    } | {key: pair for key, pair in created[2].items() if key.startswith("source.")}
    assert changed[0] == "changed"
    assert changed[2]["batch_size"] == (5, 7)
    assert changed[2]["circuit_breaker.failures"] == (None, 3)
    assert (disabled[0], disabled[2]) == ("disabled", {"enabled": (True, False)})
    assert (enabled[0], removed[0], removed[2]) == ("enabled", "removed", {})


async def test_what_differs_not_is_not_recorded(scene: Scene) -> None:
    await scene.audit.changed({}, {"m": mapping()}, "API", "")
    await scene.audit.changed({"m": mapping()}, {"m": mapping()}, "API", "")
    await scene.start_anew({"m": mapping()})
    await scene.audit.close()
    assert len(scene.told("m")) == 1


async def test_files_that_changed_while_no_daemon_ran_are_recorded_at_the_next_start(scene: Scene) -> None:
    scene.audit.begin({"m": mapping(), "gone": mapping()})
    await scene.start_anew({"m": mapping(batch_size=9)})
    await scene.audit.close()
    assert scene.told("m")[1:] == [("changed", "files", {"batch_size": (None, 9)}, "read at the start")]
    assert [what for what, *_ in scene.told("gone")] == ["created", "removed"]


@pytest.mark.parametrize("secret", ["plain-word", Secret("by-reference", "env:X")])
async def test_a_secret_is_recorded_as_changed_and_never_written(scene: Scene, secret: str) -> None:
    before, after = mapping("other-word"), mapping(secret)
    assert shown(after)["source.password"] == HIDDEN
    assert secrets_that_differ(before, after) == {"source.password"}
    await scene.audit.changed({}, {"m": before}, "API", "")
    await scene.audit.changed({"m": before}, {"m": after}, "files", "")
    assert scene.told("m")[1] == ("changed", "files", {"source.password": (HIDDEN, HIDDEN)}, "")
    await scene.close()
    written = b"".join(path.read_bytes() for path in scene.state.iterdir())
    assert b"other-word" not in written
    assert secret.encode() not in written


def test_options_that_are_no_block_are_secret_as_a_whole() -> None:
    settings = MappingSettings(source=SourceSettings(type="theirs", options={"word": "secret"}), function="f")
    assert {key: value for key, value in shown(settings).items() if key.startswith("source.")} == {
        "source.type": "theirs",
        "source.options": HIDDEN,
    }


async def test_what_the_daemon_does_by_itself_is_recorded(scene: Scene) -> None:
    scene.audit.heard(BreakerOpened(mapping="m", cause="it failed", failures=5, seconds=30))
    scene.audit.heard(StateWritten(count=1, seconds=0.1, failed=False))
    scene.audit.heard(BreakerClosed(mapping="m", seconds=61.2))
    scene.audit.heard(MappingRebuilt(mapping="m"))
    await scene.audit.done("m", "paused", who="ada", why="a table moves")
    await scene.audit.close()
    assert scene.told("m") == [
        ("breaker opened", "pollerd", {}, "it failed"),
        ("breaker closed", "pollerd", {}, "it was open for 61 s"),
        ("rebuilt", "pollerd", {}, "it stood still"),
        ("paused", "ada", {}, "a table moves"),
    ]


async def test_what_cannot_be_written_is_told_of_and_comes_with_the_next_line_in_order(scene: Scene) -> None:
    await scene.audit.done("m", "paused", who="ada")
    with closing(sqlite3.connect(scene.state / store.FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await scene.audit.done("m", "resumed", who="ada")
        await scene.audit.done("m", "paused", who="bob")
        other.execute("ROLLBACK")
    assert [fact.count for fact in scene.facts if isinstance(fact, AuditPostponed)] == [1, 2]
    assert len(scene.told("m")) == 1
    await scene.audit.done("m", "resumed", who="bob")
    assert [(what, who) for what, who, *_ in scene.told("m")] == [
        ("paused", "ada"),
        ("resumed", "ada"),
        ("paused", "bob"),
        ("resumed", "bob"),
    ]


def test_the_newest_lines_of_each_mapping_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "KEPT", 3)
    with closing(store.connect(tmp_path)) as connection:
        for number in range(5):
            by = By(epoch=float(number), who="ada")
            history.write(connection, [Line(mapping=name, what="paused", by=by) for name in ("a", "b")])
    for name in ("a", "b"):
        assert [line.by.epoch for line in history.log(tmp_path, name)] == [2.0, 3.0, 4.0]


async def test_of_mappings_that_are_gone_the_newest_are_kept(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "KEPT_OF_GONE", 4)
    stays = {"stays": mapping()}
    await scene.audit.changed({}, stays, "API", "")
    for name in ("a", "b", "c"):
        await scene.audit.changed(stays, stays | {name: mapping()}, "API", "")
        await scene.audit.changed(stays | {name: mapping()}, stays, "API", "")
    assert [len(scene.told(name)) for name in ("stays", "a", "b", "c")] == [1, 0, 2, 2]


def test_no_state_file_is_made_to_look_into_it(tmp_path: Path) -> None:
    assert history.log(tmp_path, "m") == []
    assert list(tmp_path.iterdir()) == []
