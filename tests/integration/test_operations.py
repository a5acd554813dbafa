"""What operators ask of a daemon, by its port and by the command line; and of the state file while no daemon runs."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import http.client
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from connectors import registry
from poller import cli
from poller.aio.clock import SystemClock
from poller.aio.stop import Stop
from poller.control import history, positions
from poller.control.audit import Audit
from poller.control.checkpoints import CheckpointStore, StoredCheckpoints
from poller.control.guard import Guard
from poller.control.operations import Operations
from poller.control.port import Port
from poller.control.running import Running
from poller.control.token import token
from poller.control.writer import Writer
from poller.observe.metrics import Metrics
from poller.settings.load import load
from poller.settings.model import HttpSettings, Settings
from tests.unit.settings.pretended_streams import REGISTRY

POSITION = "49590338271490256608559692538361571095921575989136588898"


class Waiting:
    """A mapping that has nothing to do."""

    def __init__(self, checkpoints: StoredCheckpoints | None) -> None:
        self.start = checkpoints.start if checkpoints else None

    async def run(self, stop: Stop) -> None:
        await stop.wait()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Two streams, a queue, and a mapping that is disabled; the port of a daemon that is not there."""
    monkeypatch.setattr(registry, "BUILT_IN", REGISTRY)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text("def handler(event, context): return None\n")
    of_queue = {"type": "queue", "queue": "q", "endpoint_url": "http://127.0.0.1:1"}
    mappings = {
        "clicks": {"source": {"type": "topics"}, "function": "f", "maximum_retry_attempts": 3},
        "views": {"source": {"type": "topics"}, "function": "f"},
        "orders": {"source": of_queue, "function": "f"},
        "old": {"source": {"type": "topics"}, "function": "f", "enabled": False},
    }
    functions = {"f": {"code": ".", "runtime": "python3.11", "handler": "app.handler"}}
    document = {"functions": functions, "event_source_mappings": mappings, "http": {"listen": "127.0.0.1:1"}}
    (tmp_path / "pollerd.json").write_text(json.dumps(document))
    return load(tmp_path / "pollerd.json")


class Daemon:
    """The part of one that operators talk to."""

    def __init__(self, settings: Settings) -> None:
        self._writer = Writer(Path(settings.state))
        self.store = CheckpointStore(Path(settings.state), lambda _: None, writer=self._writer)
        self.mappings = {name: self._running(name) for name in ("clicks", "views", "orders")}
        self.settings = settings
        self.audit = Audit(self._writer, clock=SystemClock(), emit=lambda _: None)
        guard = Guard(settings.http, Path(settings.state))
        self._port = Port(Metrics(), dict, dict, Operations(self, self._shown, guard, self.audit).routes(), guard=guard)
        self.url = ""

    def _running(self, name: str) -> Running[Waiting]:
        def taken() -> AbstractAsyncContextManager[StoredCheckpoints | None]:
            return contextlib.nullcontext() if name == "orders" else self.store.taken(name)

        return Running(
            name,
            Waiting,
            taken,
            found_defect=lambda error, _: pytest.fail(repr(error)),
            grace=5.0,
            clock=SystemClock(),
            emit=lambda _: None,
        )

    async def _shown(self) -> list[dict[str, Any]]:
        return [
            {
                "mapping": name,
                "function": "f",
                "source": "topics",
                "state": running.state,
                "last_processing_result": "OK",
                "iterator_age_seconds": 1.25,
                "lag": 7,
                "warning": "failure records cannot be stored" if name == "views" else "",
                "positions": running.checkpoints.positions() if running.checkpoints else {},
            }
            for name, running in self.mappings.items()
        ]

    @contextlib.asynccontextmanager
    async def begun(self) -> AsyncIterator[None]:
        stop = Stop()
        self.url = await self._port.open(HttpSettings(listen="127.0.0.1:0"))
        tasks = [asyncio.create_task(running.run(stop)) for running in self.mappings.values()]
        while not all(running.mapping for running in self.mappings.values()):
            await asyncio.sleep(0.001)
        try:
            yield
        finally:
            stop.begin("over")
            await asyncio.gather(*tasks)
            await self.audit.close()
            await self.store.close()
            await self._port.close()

    async def post(self, path: str, body: str = "", word: str | None = None) -> tuple[int, dict[str, Any]]:
        """Status and answer, in a thread. word: in place of the token."""

        def ask() -> tuple[int, dict[str, Any]]:
            with contextlib.closing(http.client.HTTPConnection(self.url.removeprefix("http://"))) as connection:
                given = token(Path(self.settings.state)) if word is None else word
                connection.request("POST", f"/_pollerd/mappings/{path}", body, {"Authorization": f"Bearer {given}"})
                answer = connection.getresponse()
                return answer.status, json.loads(answer.read())

        return await asyncio.to_thread(ask)


@pytest.fixture
async def daemon(settings: Settings) -> AsyncIterator[Daemon]:
    found = Daemon(settings)
    async with found.begun():
        for name in ("clicks", "views"):
            checkpoints = found.mappings[name].checkpoints
            assert checkpoints is not None
            await checkpoints.save({"shard-1": "10", "shard-2": POSITION})
        yield found


class Command:
    """``pollerd mappings`` in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def here(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        with pytest.raises(SystemExit) as end:
            cli.main(["mappings", *arguments, "--config", "pollerd.json"])
        out, err = self._capsys.readouterr()
        return int(end.value.code or 0), out, err

    async def beside(self, daemon: Daemon, *arguments: str) -> tuple[int, str, str]:
        """The same while a daemon runs, told where."""
        return await asyncio.to_thread(self.here, *arguments, "--url", daemon.url)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def remember(settings: Settings, name: str, held: dict[str, str]) -> None:
    """What a daemon left."""

    async def save() -> None:
        store = CheckpointStore(Path(settings.state), lambda _: None)
        async with store.taken(name) as checkpoints:
            await checkpoints.save(held)
        await store.close()

    asyncio.run(save())


def jumps(name: str) -> list[tuple[str, str | None, str | None, str]]:
    return [(jump.partition, jump.before, jump.after, jump.why) for jump in positions.log(Path("state"), name)]


async def test_a_daemon_changes_nothing_for_who_has_no_token(daemon: Daemon) -> None:
    for word in ("", "x", token(Path("state"))[:-1]):
        status, answer = await daemon.post("clicks/pause", word=word)
        assert (status, answer) == (401, {"message": "this takes the token of the daemon's state folder"})
    assert daemon.mappings["clicks"].state == "running"


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("clikcs/pause", "", 404, "there is no mapping 'clikcs'; did you mean clicks?"),
        ("old/pause", "", 409, "the mapping old is disabled in the configuration"),
        ("clicks/rewind", "{", 400, "the body is not JSON"),
        (
            "clicks/rewind",
            "[]",
            400,
            "'' is neither a starting position nor a time nor a position; known are AT_TIMESTAMP, LATEST, TRIM_HORIZON",
        ),
        (
            "orders/rewind",
            '{"to": "LATEST"}',
            400,
            "the source of this mapping is a queue: what is done with is gone from it, and there is nothing to go back to",
        ),
        (
            "clicks/rewind",
            '{"to": "5", "partition": "shard-9"}',
            400,
            "nothing has been read of a partition 'shard-9'; did you mean shard-2?",
        ),
    ],
)
async def test_a_daemon_says_what_it_does_not_do(
    daemon: Daemon, path: str, body: str, status: int, message: str
) -> None:
    assert await daemon.post(path, body) == (status, {"message": message})
    assert daemon.mappings["clicks"].state == "running"


async def test_a_mapping_is_paused_and_resumed(daemon: Daemon, command: Command) -> None:
    code, out, _ = await command.beside(daemon, "pause", "orders")
    assert (code, out) in [(0, "orders: pausing\n"), (0, "orders: paused\n")]
    code, out, _ = await command.beside(daemon, "resume", "orders")
    assert (code, out, daemon.mappings["orders"].state) == (0, "orders: running\n", "running")
    await command.beside(daemon, "resume", "orders")
    recorded = history.log(Path("state"), "orders")
    assert [(line.what, line.by.who) for line in recorded] == [
        (what, getpass.getuser()) for what in ("paused", "resumed")
    ]


async def test_a_running_mapping_is_moved_by_its_daemon(daemon: Daemon, command: Command) -> None:
    before = daemon.mappings["clicks"].mapping
    code, out, err = await command.beside(
        daemon, "rewind", "clicks", "--to", "2026-01-01T00:00:00Z", "--why", "lost a table"
    )
    assert (code, err) == (0, f"moved by the daemon at {daemon.url.removeprefix('http://')}\n")
    to = "AT_TIMESTAMP 2026-01-01T00:00:00Z"
    assert out == f"shard-1: 10 -> {to}\nshard-2: {POSITION} -> {to}\n"
    assert jumps("clicks") == [("shard-1", "10", to, "lost a table"), ("shard-2", POSITION, to, "lost a table")]
    assert jumps("views") == []
    while (after := daemon.mappings["clicks"].mapping) is before:
        await asyncio.sleep(0.001)
    assert after is not None
    assert str(after.start) == to, "it begins there"


async def test_a_paused_mapping_is_moved_and_stays_paused(daemon: Daemon, command: Command) -> None:
    await daemon.mappings["clicks"].pause()
    code, out, _ = await command.beside(daemon, "rewind", "clicks", "--to", "5", "--partition", "shard-1", "--json")
    assert code == 0
    assert json.loads(out)["jumps"] == [{"partition": "shard-1", "from": "10", "to": "5"}]
    assert daemon.mappings["clicks"].state == "paused"
    checkpoints = daemon.mappings["clicks"].checkpoints
    assert checkpoints is not None
    assert checkpoints.positions() == {"shard-1": "5", "shard-2": POSITION}


async def test_a_daemon_that_cannot_be_found_is_no_reason_to_write_behind_its_back(
    daemon: Daemon, command: Command
) -> None:
    code, out, err = await asyncio.to_thread(command.here, "rewind", "clicks", "--to", "LATEST")
    assert (code, out) == (1, "")
    assert "runs the mapping clicks with this state folder, but no daemon answers at 127.0.0.1:1" in err
    assert jumps("clicks") == []


async def test_mappings_of_a_daemon_are_listed(daemon: Daemon, command: Command) -> None:
    code, out, err = await command.beside(daemon, "ls")
    assert (code, err) == (0, "views: failure records cannot be stored\n")
    [clicks] = [line for line in out.splitlines() if line.lstrip().startswith("clicks")]
    assert clicks.split() == ["clicks", "running", "topics", "f", "OK", "1.2", "s", "7", "2"]
    code, out, _ = await command.beside(daemon, "ls", "--json")
    assert [view["mapping"] for view in json.loads(out)] == ["clicks", "views", "orders", "old"]
    assert json.loads(out)[3]["state"] == "disabled"


def test_mappings_without_a_daemon_are_listed_from_the_state_file(settings: Settings, command: Command) -> None:
    remember(settings, "clicks", {"shard-1": "10"})
    code, out, err = command.here("ls", "--json")
    assert code == 0
    assert json.loads(out) == [
        {"mapping": "clicks", "function": "f", "source": "topics", "state": "not running", "positions": {"shard-1": "10"}},
        {"mapping": "views", "function": "f", "source": "topics", "state": "not running", "positions": {}},
        {"mapping": "orders", "function": "f", "source": "queue", "state": "not running"},
        {"mapping": "old", "function": "f", "source": "topics", "state": "disabled", "positions": {}},
    ]  # fmt: skip
    _, _, err = command.here("ls")
    assert err.startswith("no daemon answers at 127.0.0.1:1: ")


def test_a_mapping_without_a_daemon_is_moved_in_the_state_file(settings: Settings, command: Command) -> None:
    remember(settings, "clicks", {"shard-1": "10"})
    code, out, err = command.here("rewind", "clicks", "--to", "trim_horizon", "--why", "again")
    assert (code, out) == (0, "shard-1: 10 -> TRIM_HORIZON\n")
    assert err == "moved by this command: no daemon runs this mapping\n"
    assert jumps("clicks") == [("shard-1", "10", "TRIM_HORIZON", "again")]
    [jump] = json.loads(command.here("log", "clicks", "--json")[1])
    assert (jump["from"], jump["to"], bool(jump["who"])) == ("10", "TRIM_HORIZON", True)


def test_the_log_shows_what_was_written_whole_and_as_it_was(settings: Settings, command: Command) -> None:
    remember(settings, "clicks", {"shard-1": POSITION})
    why = "[red]lost[/blue] :cat: " + "and much more of it " * 10
    command.here("rewind", "clicks", "--to", "trim_horizon", "--why", why)
    code, out, _ = command.here("log", "clicks")
    assert code == 0
    [line] = [line for line in out.splitlines() if "shard-1" in line]
    assert f"moved shard-1 {POSITION} TRIM_HORIZON {why.strip()}" in line


def test_a_mapping_is_explained(settings: Settings, command: Command) -> None:
    remember(settings, "clicks", {"shard-1": "10"})
    command.here("rewind", "clicks", "--to", "LATEST")
    code, out, _ = command.here("explain", "clicks", "--json")
    explained = json.loads(out)
    assert code == 0
    assert explained["keys"]["maximum_retry_attempts"] == 3
    assert explained["keys"]["batch_size"] == 100
    assert explained["keys"]["starting_position"] == "TRIM_HORIZON"
    assert explained["source can"]["keyed"]
    assert explained["reading"] == {
        "kept by": "the state file",
        "partitions nobody knows begin at": "LATEST, by a rewind",
        "positions": {},
        "done beyond": {},
    }
    assert explained["now"]["state"] == "not running"
    assert "maximum_retry_attempts: 3" in command.here("explain", "clicks")[1]
    assert "reading" not in json.loads(command.here("explain", "orders", "--json")[1])


def test_an_explanation_shows_lanes_ahead_and_no_state_of_a_function(settings: Settings, command: Command) -> None:
    async def mark() -> None:
        store = CheckpointStore(Path(settings.state), lambda _: None)
        async with store.taken("clicks") as checkpoints:
            await checkpoints.mark({"shard-1": {"1/2": "12", "from": "10", "window": "secret"}})
        await store.close()

    asyncio.run(mark())
    _, out, _ = command.here("explain", "clicks", "--json")
    assert json.loads(out)["reading"]["done beyond"] == {"shard-1": {"1/2": "12"}}


@pytest.mark.parametrize("verb", ["explain", "log", "pause", "resume", "rewind"])
def test_a_mapping_that_is_not_there_is_wrong_usage(settings: Settings, command: Command, verb: str) -> None:
    to = ("--to", "LATEST") if verb == "rewind" else ()
    assert command.here(verb, "clicsk", *to) == (2, "", "there is no mapping 'clicsk'; did you mean clicks?\n")


@pytest.mark.parametrize(
    ("name", "to", "sentence"),
    [
        ("orders", "LATEST", "the source of this mapping is a queue"),
        ("clicks", "soon", "'soon' is neither a starting position nor a time nor a position"),
        ("clicks", "5", "no position of this mapping is kept here: nothing was read yet"),
    ],
)
def test_what_cannot_be_moved_is_said(settings: Settings, command: Command, name: str, to: str, sentence: str) -> None:
    code, out, err = command.here("rewind", name, "--to", to)
    assert (code, out) == (1, "")
    assert err.startswith(sentence)


def test_pausing_takes_a_daemon(settings: Settings, command: Command) -> None:
    code, _, err = command.here("pause", "clicks")
    assert (code, err.partition(":")[0]) == (1, "no daemon answers at 127.0.0.1")


def test_a_port_that_the_daemon_chooses_has_to_be_named(settings: Settings, command: Command) -> None:
    document = json.loads(Path("pollerd.json").read_text()) | {"http": {"listen": "127.0.0.1:0"}}
    Path("pollerd.json").write_text(json.dumps(document))
    assert command.here("pause", "clicks") == (
        1,
        "",
        "the configuration lets the daemon take a free port; name it with --url\n",
    )
