"""The log where several invocations run at once: whose a line is, and that one's end cuts nobody else's."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator

import pytest

from poller.execution.concurrent.log import ConcurrentCapture
from poller.execution.contract import Logging, Result, Status
from poller.execution.telemetry import facts
from poller.observe.events import Fact, FunctionLogged

JSON = Logging(json=True, application_level="INFO", system_level="INFO")
TRACES = {"a": "Root=1-0-0;Parent=1;Sampled=1", "b": ""}


class Log:
    def __init__(self) -> None:
        self.logged: list[FunctionLogged] = []
        self.told: list[facts.Fact] = []
        self.capture = ConcurrentCapture("f", "stream", self._emit, JSON, lambda fact, _: self.told.append(fact))

    def _emit(self, fact: Fact) -> None:
        assert isinstance(fact, FunctionLogged)
        self.logged.append(fact)

    def begin(self, *names: str) -> None:
        for name in names:
            self.capture.begin(name, "1", tail=True, trace=TRACES[name])

    def end(self, name: str) -> list[str]:
        result = Result(request_id=name, status=Status.SUCCESS, payload=b"{}", duration_ms=1.0)
        self.capture.runtime_done(result)
        return self.capture.end(result, 128).decode().splitlines()

    def write(self, text: str) -> None:
        os.write(self.capture.write_end, text.encode())

    def of(self, name: str) -> list[str]:
        return [fact.line for fact in self.logged if fact.request_id == name and not fact.platform]


@pytest.fixture
async def log() -> AsyncIterator[Log]:
    log = Log()
    yield log
    log.capture.close()


def line(name: str, key: str = "requestId", **more: str) -> str:
    return json.dumps({"message": "m", key: name} | more)


async def test_a_line_goes_to_the_invocation_that_it_names(log: Log) -> None:
    log.begin("a", "b")
    lines = [line("b"), line("a"), line("a", "AWSRequestId"), "plain", '{"broken', '{"requestId": 1}', "{}"]
    log.write("".join(f"{one}\n" for one in lines))
    tails = log.end("a"), log.end("b")
    assert log.of("a") == [lines[1], lines[2]]
    assert log.of("b") == [lines[0]]
    assert log.of("") == lines[3:]
    assert [tail[1:-1] for tail in tails] == [log.of("a"), log.of("b")]
    assert [json.loads(tail[0])["record"]["requestId"] for tail in tails] == ["a", "b"]
    assert [json.loads(tail[-1])["type"] for tail in tails] == ["platform.report"] * 2


async def test_levels_are_those_of_the_function(log: Log) -> None:
    log.begin("a")
    log.write(line("a", level="DEBUG") + "\n" + line("a", level="WARN") + "\n")
    log.end("a")
    assert [json.loads(one)["level"] for one in log.of("a")] == ["WARN"]


async def test_the_end_of_one_does_not_cut_the_line_of_another(log: Log) -> None:
    log.begin("a", "b")
    whole = line("b")
    log.write(whole[:10])
    log.end("a")
    assert log.of("") == []
    log.write(whole[10:])
    log.end("b")
    assert log.of("b") == [whole]


async def test_a_line_of_one_whose_time_is_over_still_says_whose_it_is(log: Log) -> None:
    log.begin("a")
    log.end("a")
    log.write(line("a") + "\n")
    log.capture.drain()
    assert log.of("a") == [line("a")]


async def test_telemetry_has_each_invocations_own_ids_and_traces(log: Log) -> None:
    log.begin("a", "b")
    log.end("b")
    log.end("a")
    told = [one for one in log.told if isinstance(one, facts.Start | facts.RuntimeDone | facts.Report)]
    assert [(one.event.removeprefix("platform."), one.request_id) for one in told] == [
        *(("start", "a"), ("start", "b"), ("runtimeDone", "b"), ("report", "b"), ("runtimeDone", "a"), ("report", "a")),
    ]
    assert {one.request_id: one.tracing.value if one.tracing else "" for one in told} == TRACES
