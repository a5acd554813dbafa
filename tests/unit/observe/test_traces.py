"""Facts become spans that hang together; headers are read as they come and go on as they must."""

from __future__ import annotations

import contextvars
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Record
from poller.observe import events as e
from poller.observe.traces import Link, Span, Traces, continued, read
from poller.pipeline.traces import MOST, carried

XRAY = "Root=1-6925a0c1-0123456789abcdef01234567;Parent=53995c3f42cd8ad8;Sampled=1"
TRACE = "6925a0c10123456789abcdef01234567"
SECOND = 1_000_000_000
START = 1_764_000_000 * SECOND


class Scene:
    """Traces whose clock stands until it is moved."""

    def __init__(self, ratio: float = 1.0) -> None:
        self.now = START
        self.spans: list[Span] = []
        self.traces = Traces(ratio, self.spans.append, lambda: self.now)

    def after(self, seconds: float, fact: e.Fact) -> None:
        self.now += int(seconds * SECOND)
        self.traces.emit(fact)

    def span(self, name: str) -> Span:
        [found] = [span for span in self.spans if span.name == name]
        return found


def in_a_task(work: Callable[[], None]) -> None:
    contextvars.copy_context().run(work)


def polled(count: int = 2, seconds: float = 3.0) -> e.RecordsPolled:
    return e.RecordsPolled(mapping="m", count=count, seconds=seconds)


def cut(waited: float = 1.0, traces: tuple[str, ...] = ()) -> e.BatchCut:
    return e.BatchCut(mapping="m", count=2, reason="window", waited=waited, traces=traces)


def invoked(header: str, *, came: str = "", cold: bool = False, status: str = "success") -> e.InvocationEnded:
    error = "" if status == "success" else "Runtime.ExitError"
    return e.InvocationEnded(
        function="f",
        request_id="r",
        status=status,
        error_type=error,
        seconds=0.5,
        cold=cold,
        environment="x",
        trace_id=header,
        came=came,
    )


@pytest.mark.parametrize(
    ("header", "link"),
    [
        (XRAY, Link(TRACE, "53995c3f42cd8ad8", True)),
        (
            "Sampled=0;Parent=53995c3f42cd8ad8;Root=1-6925a0c1-0123456789abcdef01234567",
            Link(TRACE, "53995c3f42cd8ad8", False),
        ),
        ("Root=1-6925a0c1-0123456789abcdef01234567", Link(TRACE, "", None)),
        (f"00-{TRACE}-53995c3f42cd8ad8-01", Link(TRACE, "53995c3f42cd8ad8", True)),
        (f"00-{TRACE}-53995c3f42cd8ad8-00", Link(TRACE, "53995c3f42cd8ad8", False)),
        ("", None),
        ("Root=1-short", None),
    ],
)
def test_both_headers_are_read_whatever_their_order(header: str, link: Link | None) -> None:
    assert read(header) == link


@given(st.text())
def test_no_header_breaks_the_reading_or_the_going_on(header: str) -> None:
    onward = Traces(1.0, lambda _: None).onward(header)
    assert read(onward) is not None


def test_what_else_a_header_has_goes_along() -> None:
    link = Link(TRACE, "aaaaaaaaaaaaaaaa", sampled=False)
    assert continued(f"{XRAY};Lineage=1:2", link) == (
        "Root=1-6925a0c1-0123456789abcdef01234567;Parent=aaaaaaaaaaaaaaaa;Sampled=0;Lineage=1:2"
    )


def test_a_batch_hangs_below_its_receive_and_all_that_became_of_it_below_the_batch() -> None:
    scene = Scene()
    scene.after(3, polled())

    def deliver() -> None:
        scene.after(1, cut(traces=(XRAY, "nonsense")))
        scene.after(0, e.EnvironmentStarted(function="f", environment="x", init_seconds=0.2))
        header = scene.traces.onward("")
        scene.after(0.5, invoked(header, cold=True))
        scene.after(0.25, e.BatchSettled(mapping="m", count=2, seconds=0.25))
        scene.after(0, e.BatchEnded(mapping="m", seconds=1.75))

    in_a_task(deliver)
    receive, process, invoke = scene.span("receive m"), scene.span("process m"), scene.span("invoke f")
    assert (receive.start, receive.end, receive.parent_id) == (START, START + 3 * SECOND, "")
    assert (process.start, process.end) == (receive.end, START + int(4.75 * SECOND))
    assert process.parent_id == receive.span_id
    assert {scene.span(name).parent_id for name in ("wait", "invoke f", "settle m")} == {process.span_id}
    assert scene.span("init").parent_id == invoke.span_id
    assert {span.trace_id for span in scene.spans} == {receive.trace_id}
    assert [link.trace_id for link in process.links] == [TRACE]
    assert (invoke.start, invoke.end) == (START + 4 * SECOND, START + int(4.5 * SECOND))


def test_batches_of_one_receive_share_it_and_tasks_do_not_mix_theirs_up() -> None:
    scene = Scene()
    scene.after(1, polled())
    first, second = contextvars.copy_context(), contextvars.copy_context()
    for context in (first, second):
        context.run(scene.traces.emit, cut(waited=0))
    for context in (first, second):
        context.run(scene.traces.emit, e.BatchEnded(mapping="m", seconds=0))
    assert [span.name for span in scene.spans].count("receive m") == 1
    batches = [span for span in scene.spans if span.name == "process m"]
    assert len({span.span_id for span in batches}) == 2
    assert {span.parent_id for span in batches} == {scene.span("receive m").span_id}


def test_a_batch_names_the_receive_that_brought_its_first_record() -> None:
    scene = Scene()
    scene.after(1, polled(count=7))
    scene.after(2, polled(count=5, seconds=2))
    in_a_task(lambda: scene.after(0, cut(waited=2)))
    assert scene.span("receive m").attributes["messaging.batch.message_count"] == 7


def test_a_call_stands_below_its_caller_and_errors_are_named() -> None:
    scene = Scene()
    scene.after(1, invoked(scene.traces.onward(XRAY), came=XRAY, status="failure"))
    span = scene.span("invoke f")
    assert (span.trace_id, span.parent_id, span.error) == (TRACE, "53995c3f42cd8ad8", "Runtime.ExitError")


def test_what_is_not_sampled_is_not_told_and_says_so_to_the_function() -> None:
    scene = Scene(ratio=0)
    scene.after(1, polled())

    def deliver() -> None:
        scene.after(0, cut())
        header = scene.traces.onward("")
        assert header.endswith("Sampled=0")
        scene.after(1, invoked(header))
        scene.after(0, e.BatchEnded(mapping="m", seconds=1))

    in_a_task(deliver)
    assert scene.spans == []


def test_a_record_that_was_delivered_stands_below_its_event() -> None:
    scene = Scene()
    scene.after(1, e.RecordDelivered(function="f", dead_letter=False, kind="sqs", seconds=0.1, trace_id=XRAY))
    assert scene.span("send sqs").parent_id == "53995c3f42cd8ad8"


def test_environments_that_are_gone_are_forgotten() -> None:
    scene = Scene()
    scene.after(0, e.EnvironmentStarted(function="f", environment="x", init_seconds=0.2))
    scene.after(0, e.EnvironmentStopped(function="f", environment="x", reason="idle"))
    scene.after(1, invoked(XRAY, cold=True))
    assert [span.name for span in scene.spans] == ["invoke f"]


def test_records_carry_traces_in_attributes_and_headers_a_bounded_number_of_them() -> None:
    queued = Record("1", "", metadata={"Attributes": {"AWSTraceHeader": XRAY}})
    logged = Record("2", b"", metadata={"headers": [("other", b"x"), ("traceparent", b"00-a")]})
    bare = Record("3", "")
    assert carried([queued, logged, bare, queued]) == (XRAY, "00-a")
    many = [Record(str(n), "", metadata={"Attributes": {"AWSTraceHeader": str(n)}}) for n in range(MOST + 5)]
    assert len(carried(many)) == MOST
