"""A daemon in this process, functions in processes of their own, and a collector that decodes what OpenTelemetry's exporter sends it."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.client
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from poller.aio.stop import Stop
from poller.cli import configuration
from poller.daemon import Daemon
from poller.observe.events import Fact, PortOpened, SpansDropped
from poller.settings.load import load
from tests.queues import make_queue
from tests.servers import Server

CODE = """
import json, os
def handler(event, context):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(os.environ["_X_AMZN_TRACE_ID"] + "\\n")
"""
CALLER = "Root=1-6925a0c1-0123456789abcdef01234567;Parent=53995c3f42cd8ad8"
SENDER = "Root=1-6925a0c2-aaaaaaaaaaaaaaaaaaaaaaaa;Parent=bbbbbbbbbbbbbbbb;Sampled=1"


class Collector:
    """Takes spans, or refuses them."""

    def __init__(self, status: int = 200) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.requests.append((dict(self.headers), body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/traces"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def spans(self) -> dict[str, Any]:
        """By name; of several the last."""
        found: dict[str, Any] = {}
        for headers, body in self.requests:
            raw = gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body
            for resource in ExportTraceServiceRequest.FromString(raw).resource_spans:
                for scope in resource.scope_spans:
                    found |= {span.name: span for span in scope.spans}
        return found


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


@contextlib.asynccontextmanager
async def running(folder: Path, facts: list[Fact], **keys: Any) -> Any:
    """A daemon with one function, orders."""
    (folder / "app.py").write_text(CODE)
    function = {"code": ".", "runtime": "python3.11", "handler": "app.handler", "prefork": 0}
    function["environment"] = {"NOTES": str(folder / "notes")}
    usual = {"http": {"listen": "127.0.0.1:0"}, "sandbox": "none", "functions": {"orders": function}}
    (folder / "pollerd.json").write_text(json.dumps(usual | keys))
    settings = load(folder / "pollerd.json")
    daemon = Daemon(settings, partial(configuration.driver, settings), facts.append)
    stop = Stop()
    task = asyncio.create_task(daemon.run(stop))
    try:
        await until(lambda: any(isinstance(fact, PortOpened) for fact in facts))
        yield daemon
    finally:
        stop.begin("over")
        await task


async def until(true: Any) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.02)


def invoke(url: str, trace: str) -> int:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    with contextlib.closing(connection):
        headers = {"X-Amzn-Trace-Id": trace} if trace else {}
        connection.request("POST", "/2015-03-31/functions/orders/invocations", b"{}", headers)
        return connection.getresponse().status


def seen(folder: Path) -> list[str]:
    return (folder / "notes").read_text().splitlines()


def fields(header: str) -> dict[str, str]:
    return dict(field.partition("=")[::2] for field in header.split(";"))


async def test_a_call_is_continued_from_its_caller_to_the_function(tmp_path: Path, collector: Collector) -> None:
    tracing = {"endpoint": collector.url, "headers": {"api-key": "a secret"}, "service_name": "shop"}
    async with running(tmp_path, [], tracing=tracing) as daemon:
        assert await asyncio.to_thread(invoke, daemon.url, f"{CALLER};Sampled=1") == 200
    span, [header] = collector.spans()["invoke orders"], seen(tmp_path)
    assert span.trace_id.hex() == "6925a0c10123456789abcdef01234567"
    assert span.parent_span_id.hex() == "53995c3f42cd8ad8"
    assert fields(header)["Root"] == "1-6925a0c1-0123456789abcdef01234567"
    assert (fields(header)["Parent"], fields(header)["Sampled"]) == (span.span_id.hex(), "1")
    assert "Lineage" in fields(header), "what else the header has goes along"
    init = collector.spans()["init"]
    assert init.parent_span_id == span.span_id
    assert init.end_time_unix_nano - init.start_time_unix_nano > 1_000_000
    assert collector.requests[0][0]["api-key"] == "a secret"


async def test_what_a_caller_does_not_sample_is_not_sent_and_what_begins_here_is(
    tmp_path: Path, collector: Collector
) -> None:
    async with running(tmp_path, [], tracing={"endpoint": collector.url}) as daemon:
        assert await asyncio.to_thread(invoke, daemon.url, f"{CALLER};Sampled=0") == 200
        assert await asyncio.to_thread(invoke, daemon.url, "") == 200
    first, second = map(fields, seen(tmp_path))
    assert (first["Sampled"], second["Sampled"]) == ("0", "1")
    assert collector.spans()["invoke orders"].trace_id.hex() == second["Root"][2:].replace("-", "")


async def test_without_a_share_nothing_that_begins_here_is_sent(tmp_path: Path, collector: Collector) -> None:
    async with running(tmp_path, [], tracing={"endpoint": collector.url, "sampling_ratio": 0}) as daemon:
        assert await asyncio.to_thread(invoke, daemon.url, "") == 200
    assert fields(seen(tmp_path)[0])["Sampled"] == "0"
    assert collector.requests == []


async def test_spans_that_a_collector_refuses_are_counted_and_hold_up_nothing(tmp_path: Path) -> None:
    refusing, facts = Collector(status=400), list[Fact]()
    async with running(tmp_path, facts, tracing={"endpoint": refusing.url}) as daemon:
        assert await asyncio.to_thread(invoke, daemon.url, "") == 200
        await until(lambda: any(isinstance(fact, SpansDropped) for fact in facts))
        page = daemon.metrics.page().text
    refusing.close()
    assert 'pollerd_spans_dropped_total{reason="refused"}' in page
    assert {fact.reason for fact in facts if isinstance(fact, SpansDropped)} == {"refused"}


@pytest.mark.server
async def test_a_message_is_followed_from_the_queue_to_its_settling(
    tmp_path: Path, ministack: Server, collector: Collector
) -> None:
    from tests.aws_clients import client_of  # noqa: PLC0415 - loaded where a server is there

    async with client_of("sqs", ministack.url) as client:
        queue = await make_queue(client)
        traced = {"AWSTraceHeader": {"DataType": "String", "StringValue": SENDER}}
        await client.send_message(QueueUrl=queue.url, MessageBody="{}", MessageSystemAttributes=traced)
        mapping = {"source": {"type": "sqs", "queue": queue.name}, "function": "orders"}
        keys = {
            "tracing": {"endpoint": collector.url},
            "aws": {"region": "us-east-1", "endpoint_url": ministack.url},
            "event_source_mappings": {"work": mapping},
        }
        async with running(tmp_path, [], **keys):
            await until(lambda: "process work" in collector.spans())
        await queue.delete()
    spans = collector.spans()
    receive, process, settle = spans["receive work"], spans["process work"], spans["settle work"]
    assert process.parent_span_id == receive.span_id
    below = {spans[name].parent_span_id for name in ("wait", "invoke orders", "settle work")}
    assert below == {process.span_id}
    assert len({spans[name].trace_id for name in ("receive work", "process work", "wait", "invoke orders")}) == 1
    assert [link.trace_id.hex() for link in process.links] == ["6925a0c2" + "a" * 24]
    assert receive.end_time_unix_nano <= process.start_time_unix_nano + 5_000_000
    assert process.end_time_unix_nano >= settle.end_time_unix_nano
    assert fields(seen(tmp_path)[0])["Parent"] == spans["invoke orders"].span_id.hex()
