"""Circuit breakers: the rules alone, in front of a queue, in front of a stream, and what dependencies answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Outcome
from poller.execution.contract import Status
from poller.observe.events import BreakerClosed, BreakerOpened, BreakerProbed
from poller.pipeline import dependencies, gate
from poller.pipeline.breaker import Breaker, Terms
from tests.fakes.source import FakeSource
from tests.fakes.stream_scene import Call, StreamScene
from tests.unit.pipeline.test_mapping import Scene, names

TERMS = Terms(failures=3, first=30.0, longest=240.0)
FACTS = (BreakerOpened, BreakerProbed, BreakerClosed)


def told(scene: Any) -> list[str]:
    return [type(fact).__name__.removeprefix("Breaker") for fact in scene.facts if isinstance(fact, FACTS)]


def test_so_many_failures_in_a_row_open_it_and_a_success_between_begins_anew() -> None:
    breaker = Breaker(TERMS)
    for failed in (True, True, False, True, True):
        breaker.judged(0.0, failed=failed, probe=False, cause="Boom")
    assert breaker.state == "closed"
    breaker.judged(0.0, failed=True, probe=False, cause="Boom")
    assert (breaker.state, breaker.cause) == ("open", "Boom")


def test_only_the_probe_changes_an_open_one_and_each_failing_one_makes_it_wait_longer() -> None:
    breaker, now, waits = Breaker(TERMS), 0.0, []
    for _ in range(3):
        breaker.judged(now, failed=True, probe=False, cause="Boom")
    breaker.judged(now, failed=False, probe=False, cause="")
    assert breaker.state == "open", "it was begun before"
    for _ in range(6):
        waits.append(breaker.until - now)
        now = breaker.until
        assert breaker.probe(now)
        assert not breaker.probe(now), "one at a time"
        breaker.judged(now, failed=True, probe=True, cause="Boom")
    assert waits[0] <= 30.0 < waits[2] < waits[4] <= 240.0
    assert breaker.probe(breaker.until)
    breaker.judged(breaker.until, failed=False, probe=True, cause="")
    assert (breaker.state, breaker.failures) == ("closed", 0)


moves = st.lists(st.tuples(st.sampled_from(["fail", "succeed", "away", "probe", "back", "wait"]), st.booleans()))


@given(moves)
def test_whatever_happens_nothing_probes_too_early_or_beside_another(given_moves: list[tuple[str, bool]]) -> None:
    breaker, now, probing, row = Breaker(TERMS), 0.0, False, 0
    for move, mine in given_moves:
        before = breaker.state
        match move:
            case "fail" | "succeed":
                probe = probing and mine
                breaker.judged(now, failed=move == "fail", probe=probe, cause="Boom")
                row = row + 1 if move == "fail" else 0
                probing = probing and not probe
                assert before in {"closed", breaker.state} or probe
                assert breaker.state != "open" or before != "closed" or row >= TERMS.failures
            case "away" if not probing:
                breaker.unavailable(now, "tcp://db:1 does not answer")
                assert breaker.state == "open"
            case "probe":
                early = now < breaker.until
                if breaker.probe(now):
                    assert before == "open"
                    assert not probing
                    assert not early
                    probing = True
            case "back" if probing:
                breaker.give_back(now)
                probing = False
            case _:
                now += 20.0
        if breaker.state == "closed" and before != "closed":
            row = 0
        assert probing == (breaker.state == "probing")


class Queue(FakeSource):
    """Counts receives of each message."""

    def __init__(self) -> None:
        super().__init__()
        self.received: list[str] = []

    async def fetch(self, room: int, wait_seconds: float) -> list[Any]:
        records = await super().fetch(room, wait_seconds)
        self.received += [record.id for record in records]
        return records


async def test_a_queue_is_left_alone_while_it_is_open_and_one_message_is_all_that_probing_takes() -> None:
    source, works = Queue(), asyncio.Event()
    source.send(*names(200))

    async def fail(ids: list[str]) -> bytes | Status:
        await asyncio.sleep(0.1)
        return b"null" if works.is_set() else Status.ERROR

    async with Scene(source, fail, breaker=TERMS) as scene:
        await scene.quiet(20)
        assert told(scene) == ["Opened"]
        opened = len(source.received)
        await scene.quiet(3600)
        assert len(source.received) == opened + 1, "the same message is tried again and again, and received once"
        probed = source.received[-1]
        assert probed not in source.outcomes()
        assert scene.slots.in_use() == {"": 0}, "nobody is kept waiting for it"
        assert set(told(scene)[1:]) == {"Opened", "Probed"}
        assert scene.functions.batches[-1] == [probed]
        works.set()
        await scene.quiet(600)
        assert told(scene)[-1] == "Closed"
        assert source.outcomes()[probed] is Outcome.DELIVERED
        assert not source.waiting


async def test_what_a_queue_had_handed_out_when_it_opened_goes_back() -> None:
    source = Queue()
    source.send("first", lane=None)

    async def fail(ids: list[str]) -> bytes | Status:
        return Status.ERROR

    async with Scene(source, fail, breaker=Terms(failures=1, first=30.0, longest=30.0), window=5.0) as scene:
        await scene.quiet(6)
        assert told(scene) == ["Opened"]
        source.send("second")
        await scene.quiet(20)
        assert source.received == ["first"], "no receive while it is open"
        await scene.quiet(60)
        assert (source.received, scene.mapping.in_hand) == (["first", "second"], 1)
    assert source.outcomes() == {"first": Outcome.RETRY, "second": Outcome.RETRY}


async def test_a_stream_waits_uses_up_no_retry_gives_nothing_up_and_goes_on_in_order() -> None:
    works = asyncio.Event()

    async def fail(call: Call) -> Any:
        return None if works.is_set() else Status.ERROR

    async with StreamScene(fail, breaker=TERMS, maximum_retry_attempts=3, destination=True) as scene:
        sent = scene.send(25)
        await scene.quiet(3600)
        assert told(scene)[:3] == ["Opened", "Probed", "Opened"]
        assert len(scene.functions.calls) < 30, "it waits ever longer"
        assert scene.destination is not None
        assert scene.destination.discards == []
        works.set()
        await scene.quiet(600)
        assert told(scene)[-1] == "Closed"
        assert scene.source.outcomes() == dict.fromkeys(sent, "delivered")


async def test_a_stream_stops_at_once_while_it_is_open() -> None:
    async def fail(call: Call) -> Any:
        return Status.ERROR

    async with StreamScene(fail, breaker=TERMS) as scene:
        scene.send(5)
        await scene.quiet(10)
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 1.0


async def test_a_dependency_that_is_away_opens_it_and_no_record_is_tried_before_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    away = True

    async def problem(url: str) -> str:
        return f"{url} does not answer: refused" if away else ""

    monkeypatch.setattr(gate, "problem", problem)
    source = Queue()

    async def succeed(ids: list[str]) -> bytes:
        return b"null"

    terms = Terms(failures=3, first=30.0, longest=240.0, dependencies=("tcp://db:5432",))
    async with Scene(source, succeed, breaker=terms) as scene:
        await scene.quiet(11)
        assert told(scene) == ["Opened"]
        assert scene.mapping.gate.breaker is not None
        assert scene.mapping.gate.breaker.cause == "tcp://db:5432 does not answer: refused"
        source.send("a", "b")
        await scene.quiet(3600)
        assert source.received == []
        away = False
        await scene.quiet(10)
        assert told(scene) == ["Opened", "Probed", "Closed"]
        assert source.outcomes() == {"a": Outcome.DELIVERED, "b": Outcome.DELIVERED}


@pytest.mark.parametrize(
    ("said", "why"),
    [(b"HTTP/1.1 404 Not Found\r\n\r\n", ""), (b"HTTP/1.1 503 Busy\r\n\r\n", "status 503"), (b"", "status none")],
)
def test_a_dependency_is_asked_over_http(said: bytes, why: str) -> None:
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(said)
        writer.close()

    async def ask() -> str:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            assert await dependencies.problem(f"tcp://127.0.0.1:{port}") == ""
            return (await dependencies.problem(f"http://127.0.0.1:{port}/health?deep=1")).replace(str(port), "port")

    found = asyncio.run(ask())
    assert found == (f"http://127.0.0.1:port/health?deep=1 does not answer: {why}" if why else "")
    assert b"GET /health?deep=1 HTTP/1.1\r\n" in asked


def test_a_dependency_that_nobody_serves_does_not_answer() -> None:
    assert "does not answer" in asyncio.run(dependencies.problem("tcp://127.0.0.1:1"))
