"""The Runtime API for several invocations at once, call by call, without sockets."""

from __future__ import annotations

import asyncio

import pytest

from poller.execution.concurrent.api import FEW, ConcurrentRuntimeApi, Outstanding
from poller.execution.contract import Invocation, OnOpening, Opening
from poller.execution.runtime_api.answers import MAX_ANSWER, Answer
from poller.execution.runtime_api.states import State
from tests.fakes.wire import Client, Reply, chunk, head

NEXT = "/2018-06-01/runtime/invocation/next"
INIT_ERROR = "/2018-06-01/runtime/init/error"
CHUNKED = {"Transfer-Encoding": "chunked"}
STREAMING = CHUNKED | {"Lambda-Runtime-Function-Response-Mode": "streaming"}


def path(name: str, verb: str = "response") -> str:
    return f"/2018-06-01/runtime/invocation/{name}/{verb}"


class Worker(Client):
    """A connection of the runtime's."""

    def __init__(self, api: ConcurrentRuntimeApi) -> None:
        super().__init__(api.listener.connection())

    def next(self) -> str:
        """Ask for an event: its request id, or "" if there is none yet."""
        return given(self.call("GET", NEXT))

    def given(self) -> str:
        return given(self.reply())

    def stream(self, name: str, *pieces: bytes, headers: dict[str, str] = CHUNKED) -> None:
        self.send(head("POST", path(name), headers=headers))
        for piece in pieces:
            self.send(chunk(piece))


def given(reply: Reply | None) -> str:
    assert reply is None or reply.status == 200
    return reply.headers["Lambda-Runtime-Aws-Request-Id"] if reply else ""


def told(reply: Reply | None) -> tuple[int, str]:
    assert reply is not None
    return reply.status, "" if reply.status == 202 else reply.error_type


@pytest.fixture
async def api() -> ConcurrentRuntimeApi:
    return ConcurrentRuntimeApi(lambda _port: True, paced=False)


def hand(api: ConcurrentRuntimeApi, name: str, on_opening: OnOpening | None = None) -> Outstanding:
    invocation = Invocation(request_id=name, payload=name.encode(), function_arn="arn", on_opening=on_opening)
    return api.hand(invocation, 1)


def answer(one: Outstanding) -> Answer:
    found = one.answer.result()
    assert found is not None
    return found


async def test_whoever_asked_first_is_served_first_and_each_answer_finds_its_invocation(
    api: ConcurrentRuntimeApi,
) -> None:
    first, second = Worker(api), Worker(api)
    assert (first.next(), second.next()) == ("", "")
    assert api.ready.done()
    a, b = hand(api, "a"), hand(api, "b")
    assert (first.given(), second.given()) == ("a", "b")
    assert second.answer("POST", path("b"), b"B").status == 202
    assert first.answer("POST", path("a", "error"), b'{"errorType": "E"}').status == 202
    assert (answer(a).error, answer(b).body) == (True, b"B")
    assert (api.running, api.overdue, api.state) == (0, 0, State.READY)


async def test_what_nobody_asked_for_yet_waits_in_its_order(api: ConcurrentRuntimeApi) -> None:
    worker = Worker(api)
    for name in "abc":
        hand(api, name)
    assert api.waiting
    assert [worker.next() for _ in range(4)] == ["a", "b", "c", ""], "one may run several at once"
    assert not api.waiting


async def test_an_answer_may_come_over_any_connection(api: ConcurrentRuntimeApi) -> None:
    worker = Worker(api)
    a = hand(api, "a")
    assert worker.next() == "a"
    worker.close()
    assert Worker(api).answer("POST", path("a"), b"1").status == 202
    assert answer(a).body == b"1"


async def test_a_worker_that_hung_up_while_it_waited_gets_nothing(api: ConcurrentRuntimeApi) -> None:
    gone, there = Worker(api), Worker(api)
    assert (gone.next(), there.next()) == ("", "")
    gone.close()
    hand(api, "a")
    assert there.given() == "a"


async def test_calls_of_those_who_hung_up_are_not_kept_for_ever(api: ConcurrentRuntimeApi) -> None:
    there = Worker(api)
    assert not there.next()
    for _ in range(10 * FEW):
        worker = Worker(api)
        worker.next()
        worker.close()
    assert len(api._calls) <= FEW
    hand(api, "a")
    assert there.given() == "a"


@pytest.mark.parametrize("name", ["other", "", "b"])
async def test_an_id_that_nobody_has_is_refused(api: ConcurrentRuntimeApi, name: str) -> None:
    worker = Worker(api)
    a = hand(api, "a")
    assert worker.next() == "a"
    b = hand(api, "b")  # which nobody has taken yet
    assert told(worker.call("POST", path(name), b"")) == (400, "InvalidRequestID")
    assert told(worker.call("POST", path("a", "nonsense"), b"")) == (404, "NotFound")
    assert not a.answer.done()
    assert not b.answer.done()


async def test_the_first_answer_counts(api: ConcurrentRuntimeApi) -> None:
    worker = Worker(api)
    a = hand(api, "a")
    worker.next()
    assert told(worker.call("POST", path("a"), b"1")) == (202, "")
    assert told(worker.call("POST", path("a"), b"2")) == (400, "InvalidRequestID")
    assert told(worker.call("POST", path("a", "error"), b"3")) == (400, "InvalidRequestID")
    assert answer(a).body == b"1"


@pytest.mark.parametrize("verb", ["response", "error"])
async def test_an_answer_that_comes_too_late_is_told_so_once_and_frees_its_place(
    api: ConcurrentRuntimeApi, verb: str
) -> None:
    worker, other = Worker(api), Worker(api)
    late, neighbour = hand(api, "late"), hand(api, "neighbour")
    assert (worker.next(), other.next()) == ("late", "neighbour")
    api.expire(late)
    assert (late.answer.result(), late.expired, late.lost) == (None, True, False)
    assert (api.running, api.overdue) == (1, 1)
    assert told(worker.call("POST", path("late", verb), b"1")) == (410, "InvokeTimeout")
    assert told(worker.call("POST", path("late", verb), b"1")) == (400, "InvalidRequestID")
    assert (api.running, api.overdue) == (1, 0)
    assert other.answer("POST", path("neighbour"), b"2").status == 202
    assert answer(neighbour).body == b"2"


async def test_what_expires_before_anybody_took_it_is_handed_to_nobody(api: ConcurrentRuntimeApi) -> None:
    a, b = hand(api, "a"), hand(api, "b")
    api.expire(a)
    api.expire(a)
    assert (a.taken, api.overdue, api.running) == (False, 0, 1)
    assert Worker(api).next() == "b"
    assert b.taken


async def test_the_end_of_the_process_is_told_to_all_and_its_ids_are_forgotten(api: ConcurrentRuntimeApi) -> None:
    worker = Worker(api)
    late, taken, untaken = hand(api, "late"), hand(api, "taken"), hand(api, "untaken")
    assert (worker.next(), worker.next()) == ("late", "taken")
    api.expire(late)
    api.give_up()
    assert [(one.lost, one.taken) for one in (taken, untaken)] == [(True, True), (True, False)]
    api.reset()
    assert worker.closed
    assert (api.running, api.overdue, api.waiting, api.ready.done(), api.state) == (0, 0, False, False, State.STARTED)
    assert told(Worker(api).call("POST", path("late"), b"")) == (400, "InvalidRequestID")


async def test_one_id_cannot_run_twice_at_once(api: ConcurrentRuntimeApi) -> None:
    hand(api, "a")
    with pytest.raises(ValueError, match="a runs in this environment already"):
        hand(api, "a")


async def test_only_the_first_word_of_the_workers_decides_about_init(api: ConcurrentRuntimeApi) -> None:
    good, bad = Worker(api), Worker(api)
    assert not good.next()
    assert told(bad.call("POST", INIT_ERROR, b"{}")) == (403, "InvalidStateTransition")
    assert api.init_error is None
    api.reset()
    assert told(Worker(api).call("POST", INIT_ERROR, b"{}")) == (202, "")
    assert told(Worker(api).call("POST", INIT_ERROR, b"{}")) == (403, "InvalidStateTransition")
    assert told(Worker(api).call("GET", NEXT)) == (403, "InvalidStateTransition")


async def test_answers_in_chunks_come_beside_each_other(api: ConcurrentRuntimeApi) -> None:
    first, second = Worker(api), Worker(api)
    a, b = hand(api, "a"), hand(api, "b")
    assert (first.next(), second.next()) == ("a", "b")
    first.stream("a", b"1")
    second.stream("b", b"x")
    first.send(chunk(b"2") + chunk(b""))
    second.send(chunk(b"y") + chunk(b""))
    assert told(first.reply()) == told(second.reply()) == (202, "")
    assert (answer(a).body, answer(b).body) == (b"12", b"xy")


async def test_an_answer_that_is_coming_cannot_be_given_a_second_time(api: ConcurrentRuntimeApi) -> None:
    worker = Worker(api)
    a = hand(api, "a")
    worker.next()
    worker.stream("a", b"1")
    assert told(Worker(api).call("POST", path("a"), b"2")) == (400, "InvalidRequestID")
    worker.send(chunk(b""))
    assert answer(a).body == b"1"


async def test_chunks_that_come_too_late_are_read_and_free_the_place(api: ConcurrentRuntimeApi) -> None:
    worker = Worker(api)
    a = hand(api, "a")
    worker.next()
    worker.stream("a", b"1")
    api.expire(a)
    assert api.overdue == 1
    worker.send(chunk(b""))
    assert told(worker.reply()) == (202, "")
    assert (api.overdue, a.answer.result()) == (0, None)


async def test_a_stream_is_handed_on_as_it_begins_and_keeps_its_place_to_the_end(api: ConcurrentRuntimeApi) -> None:
    worker = Worker(api)
    openings: list[Opening] = []
    a = hand(api, "a", openings.append)
    worker.next()
    worker.stream("a", b"1", headers=STREAMING)
    [opening] = openings
    assert api.running == 1
    worker.send(chunk(b"2") + chunk(b""))
    assert [piece async for piece in opening.pieces] == [b"1", b"2"]
    assert answer(a) == Answer(b"", size=2, streamed=2)
    assert (api.running, api.overdue) == (0, 0)


async def test_a_stream_ends_with_its_environment(api: ConcurrentRuntimeApi) -> None:
    worker = Worker(api)
    openings: list[Opening] = []
    a = hand(api, "a", openings.append)
    worker.next()
    worker.stream("a", b"1", headers=STREAMING)
    api.reset()
    assert [piece async for piece in openings[0].pieces] == [b"1"]
    assert a.answer.result() is None


async def test_a_stream_past_its_time_ends_and_frees_the_place_when_its_body_has_come(
    api: ConcurrentRuntimeApi,
) -> None:
    worker = Worker(api)
    openings: list[Opening] = []
    a = hand(api, "a", openings.append)
    worker.next()
    worker.stream("a", b"1", headers=STREAMING)
    api.expire(a)
    assert (a.answer.result(), api.overdue) == (None, 1)
    worker.send(chunk(b"x" * 600_000))
    assert worker.reading
    worker.send(chunk(b""))
    assert [piece async for piece in openings[0].pieces] == [b"1"]
    assert api.overdue == 0


async def test_a_body_that_breaks_off_is_an_answer_to_its_own_invocation(api: ConcurrentRuntimeApi) -> None:
    worker = Worker(api)
    a, b = hand(api, "a"), hand(api, "b")
    assert (worker.next(), Worker(api).next()) == ("a", "b")
    worker.send(head("POST", path("a"), 10) + b"123")
    worker.connection.eof_received()
    assert answer(a).truncated
    assert not b.answer.done()


async def test_the_limit_and_the_mode_are_checked_for_each(api: ConcurrentRuntimeApi) -> None:
    worker = Worker(api)
    a, b = hand(api, "a"), hand(api, "b")
    assert (worker.next(), worker.next()) == ("a", "b")
    assert told(worker.call("POST", path("a"), b"x" * (MAX_ANSWER + 1))) == (413, "RequestEntityTooLarge")
    mode = {"Lambda-Runtime-Function-Response-Mode": "odd"}
    assert told(worker.call("POST", path("b"), b"1", mode)) == (400, "InvalidFunctionResponseMode")
    assert (answer(a).oversized, answer(b).error_type) == (True, "Runtime.InvalidResponseModeHeader")
    assert api.running == 0


async def test_delivering_is_handing_over(api: ConcurrentRuntimeApi) -> None:
    waiting = api.deliver(Invocation(request_id="a", payload=b"", function_arn="arn"), 1)
    worker = Worker(api)
    worker.next()
    worker.answer("POST", path("a"), b"1")
    assert isinstance(waiting, asyncio.Future)
    assert waiting.result() == Answer(b"1", size=1)
