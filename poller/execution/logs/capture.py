"""The log of one environment: output and platform lines, in the function's format, for the daemon's log and for telemetry.

Output belongs to the invocation that runs when it is read, and what was written by then is read before its END. The order of lines is that
of each pipe; between standard output and the clients' own channel it is the order of reading. While nobody wants telemetry and the format
is text, nothing is made of an invocation but its lines.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from poller.execution.contract import Logging, Result, Status, log_group
from poller.execution.logs import levels, words
from poller.execution.logs.frames import LOG_FD, Frames
from poller.execution.logs.lines import Lines
from poller.execution.logs.pipes import Pipes
from poller.execution.telemetry import records
from poller.execution.telemetry.facts import (
    ExtensionLine,
    Fact,
    FunctionLine,
    InitStart,
    Report,
    ReportMetrics,
    RuntimeDone,
    RuntimeMetrics,
    Span,
    Start,
    Subscribed,
    Tracing,
)
from poller.observe.events import Emit, FunctionLogged

TAIL = 4096
"""Bytes of log that an answer may carry (Invoke, LogType=Tail)."""
TEXT = Logging()

Tell = Callable[[Fact, float | None], None]
"""What happens, and when: seconds since the epoch, None for now."""


class Capture:
    """The log of one environment. ``write_end`` goes to a process as its stdout and stderr, or all ``descriptors`` do.

    stream: the log stream's name. tell: who wants telemetry; may be set and taken away at any time. It hears everything: levels are
    the log's own.
    """

    def __init__(
        self, function: str, stream: str, emit: Emit, logging: Logging = TEXT, tell: Tell | None = None
    ) -> None:
        self._function = function
        self._group = logging.group or log_group(function)
        self.stream = stream
        self._emit = emit
        self._json = logging.json
        self._least = levels.RANKS.get(logging.application_level, 0)
        self._least_system = levels.RANKS.get(logging.system_level, 0)
        self.tell = tell
        self._request_id = ""
        self._trace = ""
        self._tenant_id = ""
        self._tail: deque[str] | None = None  # lines of the invocation that wants them
        self._pipes = Pipes()
        self._lines = Lines()
        self._frames = Frames()
        self._frames_end: int | None = None
        self._extensions: dict[str, tuple[Lines, int]] = {}
        self.write_end = self._pipes.open(self._printed)

    # what goes to processes

    def descriptors(self, *, framed: bool) -> dict[int, int]:
        """Number in the runtime's process -> ours. framed: its client has a channel of its own for logs."""
        found = {1: self.write_end, 2: self.write_end}
        if framed:
            if self._frames_end is None:
                self._frames_end = self._pipes.open(self._framed)
            found[LOG_FD] = self._frames_end
        return found

    def extension_descriptors(self, name: str) -> dict[int, int]:
        """Number in that extension's process -> ours."""
        if name not in self._extensions:
            lines = Lines()
            self._extensions[name] = (lines, self._pipes.open(lambda data: self._extension_printed(lines, data)))
        write_end = self._extensions[name][1]
        return {1: write_end, 2: write_end}

    # what happens

    def begin(self, request_id: str, version: str, *, tail: bool = False, trace: str = "", tenant_id: str = "") -> None:
        """START of an invocation. tail: keep the end of its log. trace: its X-Amzn-Trace-Id, if it was given one."""
        self._request_id, self._tail = request_id, deque(maxlen=TAIL) if tail else None
        self._trace, self._tenant_id = trace, tenant_id
        if not self._json:
            self._line(f"START RequestId: {request_id} Version: {version}", platform=True)
        if self._json or self.tell is not None:
            self._event(Start(request_id=request_id, version=version, tracing=_tracing(trace), tenant_id=tenant_id))

    def runtime_done(self, result: Result, overhead_ms: float | None = None) -> None:
        """The runtime has answered, or never will. overhead_ms: what it took since then to ask for more; None: that is not known."""
        if not self._json and self.tell is None:
            return
        self.drain()
        duration = round(result.duration_ms + (overhead_ms or 0), 3)
        produced = (
            result.streamed + len(result.payload) if result.ok else 0
        )  # an error was not given as a response, whoever words it
        self._event(
            RuntimeDone(
                request_id=result.request_id,
                status=words.status(result),
                error_type=_error_type(result),
                tracing=_tracing(self._trace),
                spans=_spans(result, time.time() - duration / 1000, overhead_ms) if result.ok else (),
                metrics=RuntimeMetrics(duration_ms=duration, produced_bytes=produced),
                tenant_id=self._tenant_id,
            )
        )

    def end(self, result: Result, memory_mb: int, spans: tuple[Span, ...] = ()) -> bytes:
        """END and REPORT of an invocation, after all it has written. Returns the tail of its log if it was to be kept.

        spans: of what came after the answer; the result's duration then has them in it.
        """
        self.drain()
        if not self._json:
            self._line(f"END RequestId: {result.request_id}", platform=True)
            self._line(words.report(result, memory_mb, self._trace), platform=True)
        if self._json or self.tell is not None:
            self._event(self._report(result, memory_mb, spans))
        tail, self._request_id, self._tail = self._tail, "", None
        return "".join(tail).encode()[-TAIL:] if tail else b""

    def note(self, fact: Fact) -> None:
        """Something has happened outside an invocation's own course (INIT, an extension): its line, after all that was written before."""
        self.drain()
        if isinstance(fact, InitStart):
            self._frames.reset()
        if not self._json and (line := words.text(fact)) is not None:
            self._line(line, platform=True)
        self._event(fact)

    def subscribed(self, fact: Subscribed, schema: str) -> None:
        """The line of a subscription, which the API has told its subscribers already."""
        if not self._json:
            self._line(words.subscription(fact, logs=schema in records.LOGS_SCHEMAS), platform=True)
        elif levels.system(fact) >= self._least_system:
            for event in records.events(fact, time.time(), schema):
                self._line(event.decode(), platform=True)

    def platform(self, line: str) -> None:
        """A line of the platform's own, as it stands."""
        self._line(line, platform=True)

    def drain(self) -> None:
        """Take all that has been written until now. A line without an end counts: what it belongs to is over."""
        self._pipes.drain()
        if rest := self._lines.rest():
            self._function_wrote(rest)
        if self._frames_end is not None:
            for frame in self._frames.rest():
                self._function_wrote(frame.message, frame.level, frame.at)
        for lines, _ in self._extensions.values():
            if rest := lines.rest():
                self._extension_wrote(rest)

    def close(self) -> None:
        """No more output. Idempotent."""
        self.drain()
        self._pipes.close()

    # what comes out of the pipes

    def _printed(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            self._function_wrote(line)

    def _framed(self, data: bytes) -> None:
        for frame in self._frames.feed(data):
            self._function_wrote(frame.message, frame.level, frame.at)

    def _extension_printed(self, lines: Lines, data: bytes) -> None:
        for line in lines.feed(data):
            self._extension_wrote(line)

    def _function_wrote(self, message: bytes, level: str = "", at: float | None = None) -> None:
        text = message.decode(errors="replace")
        if not self._json and self.tell is None:
            self._line(text)
            return
        record = records.line(text, json_format=self._json)
        if isinstance(record, str) or levels.application(record, level) >= self._least:
            self._line(text)
        if self.tell is not None:
            if at is None and not isinstance(record, str):
                at = _moment(record.get("timestamp"))
            believed = at is not None and 0 <= at <= time.time()
            self.tell(FunctionLine(record=record), at if believed else None)

    def _extension_wrote(self, message: bytes) -> None:
        text = message.decode(errors="replace")
        self._line(text)
        if self.tell is not None:
            self.tell(ExtensionLine(record=records.line(text, json_format=self._json)), None)

    # where it goes

    def _event(self, fact: Fact) -> None:
        """A line in JSON format, unless its level is too low; and telemetry, which has no levels."""
        if self._json and levels.system(fact) >= self._least_system:
            self._line(records.event(fact, time.time()).decode(), platform=True)
        if self.tell is not None:
            self.tell(fact, None)

    def _report(self, result: Result, memory_mb: int, spans: tuple[Span, ...]) -> Report:
        return Report(
            request_id=result.request_id,
            metrics=ReportMetrics(
                duration_ms=round(result.duration_ms, 3),
                billed_duration_ms=words.billed(result),
                memory_size_mb=memory_mb,
                max_memory_used_mb=result.max_memory_mb or 0,
                init_duration_ms=None if result.init_ms is None else round(result.init_ms, 3),
            ),
            tracing=_tracing(self._trace),
            spans=spans,
            status=words.status(result),
            error_type=_error_type(result),
        )

    def _line(self, line: str, *, platform: bool = False) -> None:
        if self._tail is not None:
            self._tail.append(f"{line[-TAIL:]}\n")
        self._emit(
            FunctionLogged(
                function=self._function,
                log_group=self._group,
                log_stream=self.stream,
                request_id=self._request_id,
                line=line,
                platform=platform,
            )
        )


def _spans(result: Result, began: float, overhead_ms: float | None) -> tuple[Span, ...]:
    """One after the other from when the event was handed out: until the answer began, until it ended, until the runtime asked for more."""
    parts = {
        "responseLatency": result.duration_ms - result.response_ms,
        "responseDuration": result.response_ms,
        "runtimeOverhead": overhead_ms,
    }
    found, start = [], began
    for name, duration in parts.items():
        if duration is not None:
            found.append(Span(name=name, start=start, duration_ms=round(duration, 3)))
            start += duration / 1000
    return tuple(found)


def _tracing(trace: str) -> Tracing | None:
    return Tracing(value=trace) if trace else None


def _error_type(result: Result) -> str:
    return "" if result.status is Status.TIMEOUT else words.error_type(result.error_type)


def _moment(value: Any) -> float | None:
    """Seconds since the epoch of an RFC 3339 time, which has an offset; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        moment = dt.datetime.fromisoformat(value)
        return moment.timestamp() if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
