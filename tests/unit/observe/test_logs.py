"""What the daemon writes: one line a fact, cheap, none lost."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import json

import pytest

from poller.observe.events import (
    BatchJudged,
    DefectFoundError,
    DestinationFailedError,
    DestinationRecovered,
    Fact,
    FunctionLogged,
    InvocationEnded,
    PortOpened,
)
from poller.observe.logs import FLUSH_SECONDS, LEVELS, Log, level


class Stream(io.TextIOWrapper):
    """Standard error, kept."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO())

    @property
    def lines(self) -> list[str]:
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode().splitlines()


def line(text: str) -> FunctionLogged:
    return FunctionLogged(function="orders", log_group="/aws/lambda/orders", log_stream="s", request_id="r", line=text)


def judged(why: str) -> BatchJudged:
    return BatchJudged(mapping="m", function="f", request_id="r", verdict="v", delivered=1, failed=0, why=why)


def test_a_line_of_a_function_keeps_its_words_as_the_event() -> None:
    stream = Stream()
    Log("json", "info", stream)(line("hello"))
    found = json.loads(stream.lines[0])
    assert found.pop("timestamp").endswith("Z")
    assert found == {
        "level": "info",
        "event": "hello",
        "function": "orders",
        "log_stream": "s",
        "request_id": "r",
        "platform": False,
    }


async def test_lines_leave_together_and_soon() -> None:
    stream = Stream()
    log = Log("json", "info", stream)
    log(line("one"))
    log(line("two"))
    assert stream.lines == []
    began = asyncio.get_running_loop().time()
    await asyncio.sleep(FLUSH_SECONDS * 1.01)
    assert [json.loads(each)["event"] for each in stream.lines] == ["one", "two"]
    assert asyncio.get_running_loop().time() - began < FLUSH_SECONDS * 1.1


async def test_a_flood_does_not_wait() -> None:
    stream = Stream()
    log = Log("json", "info", stream)
    for _ in range(3):
        log(line("x" * 30_000))
    assert len(stream.lines) == 3


async def test_the_last_lines_leave_with_the_flush() -> None:
    stream = Stream()
    log = Log("json", "info", stream)
    log(line("last"))
    log.flush()
    assert len(stream.lines) == 1


def test_text_is_for_people() -> None:
    stream = Stream()
    Log("text", "info", stream)(PortOpened(url="http://127.0.0.1:1"))
    assert "port opened" in stream.lines[0]
    assert "url=http://127.0.0.1:1" in stream.lines[0]


def test_half_a_surrogate_pair_is_written_all_the_same() -> None:
    stream = Stream()
    Log("json", "info", stream)(PortOpened(url="\ud800"))
    assert json.loads(stream.lines[0])["url"] == "\ud800"


@pytest.mark.parametrize(
    ("fact", "name"),
    [
        (judged(""), 10),
        (judged("the function raised"), 30),
        (line("x"), 20),
        (DefectFoundError(part="p", message="m", trace="t", retry_seconds=1), 40),
        (InvocationEnded(function="f", request_id="r", status="error", error_type="E", seconds=1, cold=False), 30),
    ],
)
def test_what_failed_is_at_least_a_warning(fact: Fact, name: int) -> None:
    assert level(fact) == name


def test_an_outage_that_is_known_is_no_warning_any_more() -> None:
    failed = DestinationFailedError(mapping="m", partition="p", kind="Refused", message="no", retry_seconds=1.0)
    assert level(failed) == LEVELS["warning"]
    assert level(dataclasses.replace(failed, known=True)) == LEVELS["debug"]
    assert level(DestinationRecovered(mapping="m")) == LEVELS["info"]
