"""The log of an environment over real pipes: formats, levels, attribution, telemetry, and that nothing is lost."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from poller.execution.contract import Logging, Result, Status
from poller.execution.logs import LOG_FD, Capture, capture
from poller.execution.logs.lines import MAX_LINE
from poller.execution.logs.pipes import READ
from poller.execution.telemetry import facts
from poller.execution.telemetry.facts import ExtensionSeen, InitMetrics, InitReport, InitStart, Start, Subscribed
from poller.observe.events import Fact, FunctionLogged

GOLDEN = Path(__file__).parents[3] / "golden/events/telemetry"
JSON = Logging(json=True, application_level="INFO", system_level="INFO")
TRACE = "Root=1-6352a70e-1e2c502e358361800241fd45;Parent=35465b3a9e2f7c6a;Sampled=1"


class Log:
    """A capture, what it logged, and what it told."""

    def __init__(self, logging: Logging) -> None:
        self.logged: list[FunctionLogged] = []
        self.told: list[tuple[facts.Fact, float | None]] = []
        self.capture = Capture("f", "stream", self._emit, logging)

    def _emit(self, fact: Fact) -> None:
        assert isinstance(fact, FunctionLogged)
        self.logged.append(fact)

    def listen(self) -> None:
        self.capture.tell = lambda fact, at: self.told.append((fact, at))

    @property
    def lines(self) -> list[str]:
        return [fact.line for fact in self.logged]

    @property
    def events(self) -> list[Any]:
        return [json.loads(line) for line in self.lines]


@pytest.fixture
def log() -> Iterator[Callable[..., Log]]:
    """Make logs; they are closed at the end. Called in a running loop."""
    made: list[Log] = []

    def make(logging: Logging = capture.TEXT) -> Log:
        made.append(Log(logging))
        return made[-1]

    yield make
    assert all(not one.capture._pipes._takers for one in made), "the test has closed it"


@pytest.fixture
async def text(log: Callable[..., Log]) -> Any:
    one = log()
    yield one
    one.capture.close()


@pytest.fixture
async def json_log(log: Callable[..., Log]) -> Any:
    one = log(JSON)
    yield one
    one.capture.close()


def result(status: Status = Status.SUCCESS, **more: Any) -> Result:
    usual: dict[str, Any] = {"request_id": "r", "payload": b"{}", "duration_ms": 2.0, "max_memory_mb": 40}
    return Result(status=status, **usual | more)


def frame(message: bytes, *, kind: int = 0xA55A0003, at: float = 1_666_360_000.5) -> bytes:
    return struct.pack(">IIQ", kind, len(message), int(at * 1e6)) + message


async def test_output_stands_between_start_and_end_and_belongs_to_its_invocation(text: Log) -> None:
    out = text.capture.write_end
    os.write(out, b"init\n")
    text.capture.drain()
    text.capture.begin("r", "$LATEST", tail=True)
    os.write(out, b"one\ntwo")
    tail = text.capture.end(result(), 128)
    report = (
        "REPORT RequestId: r\tDuration: 2.00 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 40 MB\t"
    )
    course = ["START RequestId: r Version: $LATEST", "one", "two", "END RequestId: r", report]
    assert text.lines == ["init", *course]
    assert tail.decode().splitlines() == course
    assert [fact.request_id for fact in text.logged] == ["", *["r"] * 5]
    assert [fact.platform for fact in text.logged] == [False, True, False, False, True, True]


async def test_output_is_read_while_the_function_runs(text: Log) -> None:
    text.capture.begin("r", "1")
    os.write(text.capture.write_end, b"early\nla")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert text.lines[1:] == ["early"]
    os.write(text.capture.write_end, b"te\n")
    text.capture.end(result(), 128)
    assert text.lines[1:3] == ["early", "late"]


async def test_a_turn_of_the_loop_reads_a_bounded_part_and_the_writer_waits(text: Log) -> None:
    os.set_blocking(text.capture.write_end, False)
    written = os.write(text.capture.write_end, b"x\n" * MAX_LINE)
    assert written < MAX_LINE  # the pipe is full: who writes on waits
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(text.lines) in range(READ // 2, READ + 1)  # one read or two


async def test_all_that_a_pipe_holds_is_read_before_the_end(text: Log) -> None:
    out = text.capture.write_end
    size = fcntl.fcntl(out, fcntl.F_SETPIPE_SZ, 1 << 20)
    text.capture.begin("r", "1")
    line = b"x" * 1023 + b"\n"
    assert os.write(out, line * (size // len(line))) == size
    text.capture.end(result(Status.FAILURE, error_type="Runtime.ExitError"), 128)
    assert len(text.lines) == 1 + size // len(line) + 2
    assert text.lines[-2] == "END RequestId: r"


async def test_a_long_line_is_split_and_its_writer_goes_on(text: Log) -> None:
    pending = b"x" * (MAX_LINE + 3) + b"\n"
    os.set_blocking(text.capture.write_end, False)
    while pending:
        pending = pending[os.write(text.capture.write_end, pending) :]
        text.capture._pipes.drain()
    assert [len(line) for line in text.lines] == [MAX_LINE, 3]


async def test_a_record_of_the_clients_own_channel_is_one_line_of_the_log(text: Log) -> None:
    ends = text.capture.descriptors(framed=True)
    assert sorted(ends) == [1, 2, LOG_FD]
    assert text.capture.descriptors(framed=True) == ends
    assert sorted(text.capture.descriptors(framed=False)) == [1, 2]
    text.capture.begin("r", "1")
    os.write(ends[1], b"printed\n")
    os.write(ends[LOG_FD], frame(b"[ERROR] E: no\nTraceback\n  line\n") + frame(b"half")[:-1])
    text.capture.end(result(), 128)
    assert text.lines[1:-2] == ["printed", "[ERROR] E: no\nTraceback\n  line", "hal"]


async def test_a_new_process_does_not_go_on_with_the_frame_of_the_last(text: Log) -> None:
    channel = text.capture.descriptors(framed=True)[LOG_FD]
    os.write(channel, frame(b"never written to its end")[:20])
    text.capture.note(InitStart(runtime_version="python:3.11.7", runtime_version_arn="a"))
    os.write(channel, frame(b"new"))
    text.capture.drain()
    assert text.lines == ["neve", "INIT_START Runtime Version: python:3.11.7\tRuntime Version ARN: a", "new"]


async def test_extensions_have_pipes_of_their_own(text: Log) -> None:
    ends = {name: text.capture.extension_descriptors(name)[1] for name in ("a", "b")}
    assert text.capture.extension_descriptors("a") == {1: ends["a"], 2: ends["a"]}
    text.listen()
    text.capture.begin("r", "1")
    os.write(ends["a"], b"from a, ")
    os.write(ends["b"], b"from b\n")
    os.write(ends["a"], b"whole\n")
    text.capture.end(result(), 128)
    assert sorted(text.lines[1:-2]) == ["from a, whole", "from b"]
    assert {fact.request_id for fact in text.logged} == {"r"}
    told = [fact.record for fact, _ in text.told if isinstance(fact, facts.ExtensionLine)]
    assert sorted(map(str, told)) == ["from a, whole", "from b"]


async def test_nothing_is_lost_when_it_is_closed(text: Log) -> None:
    os.write(text.capture.write_end, b"last words")
    text.capture.close()
    text.capture.close()
    assert text.lines == ["last words"]


def _golden(name: str) -> Any:
    """A sample of the service, without the segment that only its own tracing has."""
    record = json.loads((GOLDEN / f"{name}.json").read_text())["record"]
    record["tracing"].pop("spanId")
    return record


async def test_an_invocation_in_json_format_is_as_the_service_tells_it(log: Callable[..., Log]) -> None:
    one = log(Logging(json=True, application_level="INFO", system_level="DEBUG"))
    id_ = "459921b5-681c-4a96-beb0-81e0aa586026"
    done = result(
        request_id=id_, payload=b"12345678", duration_ms=2599.4, response_ms=1.4, init_ms=549.04, max_memory_mb=94
    )
    one.capture.begin(id_, "$LATEST", trace=TRACE)
    one.capture.runtime_done(done)
    one.capture.end(done, 128)
    one.capture.close()
    assert [event["type"] for event in one.events] == ["platform.start", "platform.runtimeDone", "platform.report"]
    start, runtime_done, report = (event["record"] for event in one.events)
    assert start == _golden("platform.start")
    expected = _golden("platform.runtime-done")
    spans = runtime_done.pop("spans")
    assert [(one["name"], one["durationMs"]) for one in spans] == [
        ("responseLatency", 2598.0), ("responseDuration", 1.4),
    ]  # fmt: skip
    assert [one["name"] for one in expected.pop("spans")] == [one["name"] for one in spans]
    assert runtime_done == expected | {"metrics": {"durationMs": 2599.4, "producedBytes": 8}}
    expected = _golden("platform.report")
    expected["metrics"]["billedDurationMs"] = 3149  # the sample is older than the billing of inits
    assert report == expected


async def test_a_failure_in_json_format(json_log: Log) -> None:
    done = result(Status.FAILURE, payload=b"the platform's words", error_type="Runtime.ExitError", duration_ms=52.56)
    json_log.capture.begin("r", "1", trace=TRACE)
    json_log.capture.runtime_done(done)
    json_log.capture.end(done, 128)
    expected = _golden("platform.runtime-done-failure") | {"requestId": "r", "status": "error"}
    expected["tracing"]["value"] = TRACE
    assert json_log.events[1]["record"] == expected
    assert json_log.events[2]["record"]["errorType"] == "Runtime.ExitError"
    timed_out = result(Status.TIMEOUT, error_type="Sandbox.Timedout")
    json_log.capture.runtime_done(timed_out)
    assert json_log.events[-1]["record"]["status"] == "timeout"
    assert "errorType" not in json_log.events[-1]["record"]


async def test_system_events_below_their_level_are_left_out(json_log: Log) -> None:
    json_log.capture.begin("r", "1")
    json_log.capture.runtime_done(result())  # DEBUG
    json_log.capture.end(result(), 128)
    json_log.capture.note(InitReport(metrics=InitMetrics(duration_ms=1.0), status="success"))  # DEBUG
    assert [event["type"] for event in json_log.events] == ["platform.start", "platform.report"]
    assert all(fact.platform for fact in json_log.logged)


async def test_only_warnings_of_the_system(log: Callable[..., Log]) -> None:
    one = log(Logging(json=True, application_level="INFO", system_level="WARN"))
    one.capture.begin("r", "1")
    one.capture.end(result(), 128)
    one.capture.subscribed(Subscribed(name="x", types=["platform"]), "2022-07-01")
    assert one.lines == []
    one.capture.end(result(Status.ERROR, error_type="ValueError"), 128)
    assert one.events[0]["record"]["errorType"] == "Runtime.Unknown"
    one.capture.close()


async def test_application_lines_are_left_out_by_their_level(json_log: Log) -> None:
    ends = json_log.capture.descriptors(framed=True)
    kept = [
        '{"level": "INFO", "message": "kept"}',
        '{"message": "no level"}',
        '{"level": "WARNING"}',
        "plain DEBUG text",
        '["a list"]',
        '{"level": "DEBUG", broken',
    ]
    dropped = ['{"level": "debug", "message": "m"}', '{"level":"TRACE"}']
    os.write(ends[1], "\n".join([*kept, *dropped, ""]).encode())
    debug = 0xA55A000A
    os.write(ends[LOG_FD], frame(b'{"message": "by its frame"}', kind=debug) + frame(b'{"level": "ERROR"}', kind=debug))
    json_log.capture.drain()
    assert json_log.lines == [*kept, '{"level": "ERROR"}']


async def test_levels_count_in_json_format_only(text: Log) -> None:
    os.write(text.capture.write_end, b'{"level": "DEBUG"}\n')
    text.capture.drain()
    assert text.lines == ['{"level": "DEBUG"}']


@pytest.mark.parametrize(
    ("schema", "line", "event"),
    [
        ("2022-07-01", "TELEMETRY", "platform.telemetrySubscription"),
        ("2021-03-18", "LOGS", "platform.logsSubscription"),
    ],
)
async def test_a_subscription_has_its_line(text: Log, json_log: Log, schema: str, line: str, event: str) -> None:
    fact = Subscribed(name="x", types=["platform", "function"])
    for one in (text, json_log):
        one.listen()
        one.capture.subscribed(fact, schema)
        assert one.told == []  # subscribers know it from the API
    assert text.lines == [f"{line}\tName: x\tState: Subscribed\tTypes: [Platform, Function]"]
    [found] = json_log.events
    record = {"name": "x", "state": "Subscribed", "types": ["platform", "function"]}
    assert (found["type"], found["record"]) == (event, record)


async def test_telemetry_hears_everything_in_its_order_whatever_the_levels(log: Callable[..., Log]) -> None:
    for logging in (capture.TEXT, Logging(json=True, application_level="FATAL", system_level="WARN")):
        one = log(logging)
        one.listen()
        one.capture.note(ExtensionSeen(name="x", state="Ready", events=["INVOKE"]))
        one.capture.begin("r", "1", tenant_id="blue")
        os.write(one.capture.write_end, b'{"level": "DEBUG"}\n')
        one.capture.runtime_done(result())
        one.capture.end(result(), 128)
        one.capture.close()
        assert [fact.event for fact, _ in one.told] == [
            "platform.extension", "platform.start", "function", "platform.runtimeDone", "platform.report",
        ]  # fmt: skip
        start, line, done = (fact for fact, _ in one.told[1:4])
        assert isinstance(start, Start)
        assert isinstance(line, facts.FunctionLine)
        assert isinstance(done, facts.RuntimeDone)
        assert (start.tenant_id, done.tenant_id) == ("blue", "blue")
        assert line.record == ({"level": "DEBUG"} if logging.json else '{"level": "DEBUG"}')


async def test_a_record_has_the_time_that_its_frame_or_its_timestamp_tells(json_log: Log) -> None:
    json_log.listen()
    ends = json_log.capture.descriptors(framed=True)
    for message in (
        b'{"timestamp": "2022-10-21T14:05:03.165Z"}',
        b'{"timestamp": "2022-10-21T14:05:03"}',
        b'{"timestamp": 1}',
    ):
        os.write(ends[1], message + b"\n")
    os.write(ends[1], b'{"timestamp": "yesterday"}\nplain\n')
    os.write(ends[LOG_FD], frame(b"framed", at=1_666_360_000.5) + frame(b"from the future", at=time.time() + 3600))
    json_log.capture.drain()
    assert [at for _, at in json_log.told] == [1_666_361_103.165, None, None, None, None, 1_666_360_000.5, None]


async def test_while_nobody_listens_text_makes_no_facts(text: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(*_: Any, **__: Any) -> None:
        raise AssertionError("a fact was made")

    for name in ("Start", "RuntimeDone", "Report", "ReportMetrics", "FunctionLine"):
        monkeypatch.setattr(capture, name, made)
    text.capture.begin("r", "1", trace=TRACE)
    os.write(text.capture.write_end, b"line\n")
    text.capture.runtime_done(result())
    text.capture.end(result(), 128)
    assert len(text.lines) == 4
