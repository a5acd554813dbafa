"""Spans on their way to a collector, by OpenTelemetry's own exporter (OTLP over HTTP, protobuf).

What waits is bounded, and whoever makes spans never waits. A batch that the collector does not take within ``PATIENCE`` is gone, and
counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link as SpanLink
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from poller.observe.events import Emit, SpansDropped
from poller.observe.traces.headers import Link
from poller.observe.traces.traces import Span

MOST = 8192
"""Spans that wait at most; some 10 MB."""
BATCH = 512
"""Spans of one request, the SDK's own number."""
SECONDS = 1.0
"""What a span waits for others."""
PATIENCE = 4.0
"""Seconds for a request, its retries included."""
SCOPE = InstrumentationScope("pollerd")
KINDS = {
    "consumer": SpanKind.CONSUMER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "internal": SpanKind.INTERNAL,
}


class Exporter:
    """endpoint: whole URL; "" for what OTEL_EXPORTER_OTLP_* say, and http://localhost:4318 without. service: "" likewise."""

    def __init__(self, endpoint: str, headers: Mapping[str, str], service: str, emit: Emit) -> None:
        self._emit = emit
        self._said = _LastWords()
        self._otlp = OTLPSpanExporter(endpoint=endpoint or None, headers=dict(headers) or None, timeout=PATIENCE)
        self._resource = Resource.create({SERVICE_NAME: service} if service else {})
        self._waiting: list[Span] = []
        self._sending = 0
        self._lost = 0
        self._ended = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="traces")
        self._task: asyncio.Task[None] | None = None

    def __call__(self, span: Span) -> None:
        """Take a span, or count it as lost."""
        if len(self._waiting) < MOST:
            self._waiting.append(span)
        else:
            self._lost += 1

    def start(self) -> None:
        """Send from now on what comes."""
        self._task = asyncio.create_task(self._run(), name="traces")

    async def close(self, seconds: float) -> None:
        """Send what waits, within so many seconds, and end."""
        self._ended.set()
        try:
            async with asyncio.timeout(seconds):
                if self._task is not None:
                    await self._task
                while self._waiting:
                    await self._send()
        except TimeoutError:
            why = "the daemon ended before they were taken"
            self._emit(SpansDropped(count=self._sending + len(self._waiting), reason="refused", why=why))
        self._tell_lost()
        self._otlp.shutdown()  # type: ignore[no-untyped-call]  # it ships no types
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._said.close()

    async def _run(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SECONDS):
                    await self._ended.wait()
            while self._waiting:
                await self._send()
            self._tell_lost()

    def _tell_lost(self) -> None:
        if self._lost:
            lost, self._lost = self._lost, 0
            self._emit(SpansDropped(count=lost, reason="full", why=f"more than {MOST} spans wait for the collector"))

    async def _send(self) -> None:
        batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
        self._sending = len(batch)
        result = await asyncio.get_running_loop().run_in_executor(self._thread, self._export, batch)
        self._sending = 0
        if result is not SpanExportResult.SUCCESS:
            self._emit(SpansDropped(count=len(batch), reason="refused", why=self._said.words))

    def _export(self, spans: list[Span]) -> SpanExportResult:
        return self._otlp.export([self._shaped(span) for span in spans])

    def _shaped(self, span: Span) -> ReadableSpan:
        attributes = dict(span.attributes) | ({"error.type": span.error} if span.error else {})
        return ReadableSpan(
            name=span.name,
            context=_context(Link(span.trace_id, span.span_id, sampled=True)),
            parent=_context(Link(span.trace_id, span.parent_id, sampled=True)) if span.parent_id else None,
            resource=self._resource,
            attributes=attributes,
            links=[SpanLink(_context(link)) for link in span.links],
            kind=KINDS[span.kind],
            status=Status(StatusCode.ERROR if span.error else StatusCode.UNSET),
            start_time=span.start,
            end_time=span.end,
            instrumentation_scope=SCOPE,
        )


class _LastWords(logging.Handler):
    """What the exporter says of its failures, which it tells nobody else; the daemon's log gets it as a fact."""

    def __init__(self) -> None:
        super().__init__()
        self.words = "the collector did not take them"
        self._logger = logging.getLogger("opentelemetry")
        self._before = self._logger.propagate
        self._logger.addHandler(self)
        self._logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.words = record.getMessage()

    def close(self) -> None:
        """Listen no more."""
        self._logger.removeHandler(self)
        self._logger.propagate = self._before
        super().close()


def _context(link: Link) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if link.sampled else TraceFlags.DEFAULT)
    return SpanContext(int(link.trace_id, 16), int(link.span_id or "0", 16), is_remote=False, trace_flags=flags)
