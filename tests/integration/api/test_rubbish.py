"""Whatever comes in, an answer goes out: no 5xx, nothing left waiting, nothing kept."""

from __future__ import annotations

import http.client
import socket
import string
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from poller.control import connections
from poller.control.api.access import Access
from poller.control.api.contract import Call
from poller.control.api.front import Front
from poller.observe.events import DefectFoundError, Fact
from poller.settings.model import HttpSettings, KeySettings
from poller.wire.aws.model import service
from tests.faults.until import until
from tests.integration.api.front_served import KEY, SECRET, served
from tests.integration.api.inputs_tried import PROPERTY, TIMES, Tried

METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW"]
URIS = sorted({operation.uri for operation in service("lambda").operations.values()})
HEADERS = [
    "X-Amz-Invocation-Type",
    "X-Amz-Target",
    "X-Amz-Date",
    "X-Amz-Content-Sha256",
    "X-Amz-Tenant-Id",
    "Authorization",
    "Content-Type",
    "Content-Encoding",
    "Expect",
    "Origin",
    "Host",
    "Range",
    "If-Match",
    "Cookie",
    "Upgrade",
    "Transfer-Encoding",
    "Content-Length",
]
WORDS = [
    "Event",
    "DryRun",
    "Logs_20140328.PutLogEvents",
    "Logs_20140328.",
    "20260101T000000Z",
    "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=0",
    f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0",
    "AWS4-HMAC-SHA256 Credential=",
    "gzip",
    "aws-chunked",
    "UNSIGNED-PAYLOAD",
    "websocket",
    "chunked",
    "0",
    "99999999999999999999",
    "-1",
    "100-continue",
    "null",
    "a" * 3000,
]
BODIES = [
    b"",
    b"{}",
    b"null",
    b"[]",
    b"{",
    b'{"a":' * 200,
    b"[" * 5000,
    b'{"FunctionName": {"a": 1e999}}',
    b"\xff" * 100,
]

visible = st.text(string.ascii_letters + string.digits + string.punctuation + " é\t", max_size=30)
segment = st.one_of(
    st.sampled_from(["f", "..", ".", "%2e%2e", "%", "%zz", "%00", "%ff", "a%2fb", "a:b", "{}", "$LATEST"]), visible
)


@st.composite
def targets(draw: st.DrawFn) -> str:
    uri = draw(st.one_of(st.sampled_from(URIS), st.just("/"), st.just("/{x}/{y}"), st.just("//{x}")))
    path = "".join(
        part if number % 2 == 0 else draw(segment) for number, part in enumerate(uri.replace("}", "{").split("{"))
    )
    query = draw(
        st.lists(
            st.tuples(st.sampled_from(["MaxItems", "Qualifier", "tagKeys", "find", "X-Amz-Signature"]), segment),
            max_size=3,
        )
    )
    joined = "&".join(f"{name}={value}" for name, value in query)
    whole = path + (("&" if "?" in path else "?") + joined if joined else "")
    return whole.replace(" ", "%20").replace("\t", "%09") or "/"


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """One that may well be none."""
    body = draw(st.one_of(st.sampled_from(BODIES), st.binary(max_size=200)))
    headers = draw(
        st.lists(st.tuples(st.sampled_from(HEADERS), st.one_of(st.sampled_from(WORDS), visible)), max_size=4)
    )
    named = {name for name, _ in headers}
    if "Content-Length" not in named and "Transfer-Encoding" not in named:
        headers.append(("Content-Length", str(len(body))))
    if "Host" not in named:
        headers.append(("Host", "127.0.0.1"))
    lines = [
        f"{draw(st.sampled_from(METHODS))} {draw(targets())} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers),
    ]
    whole = "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(whole)))
        whole = whole[:at] + draw(st.binary(max_size=8)) + whole[at + draw(st.integers(0, 8)) :]
    return whole


async def nothing(call: Call) -> Mapping[str, Any]:
    return {}


@pytest.mark.timeout(300 * TIMES)
@pytest.mark.parametrize("keys", [{}, {KEY: KeySettings(secret_access_key=SECRET)}], ids=["open", "keyed"])
def test_rubbish_has_its_answer(
    tmp_path: Path,
    keys: Mapping[str, KeySettings],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    record_property: Callable[[str, object], None],
) -> None:
    monkeypatch.setitem(connections.OPTIONS, "keepalive_timeout", 1.0)  # for requests whose end never comes
    monkeypatch.setitem(connections.OPTIONS, "lingering_time", 0.1)
    monkeypatch.setattr("poller.control.api.bounds.STALLED_SECONDS", 0.2)
    facts: list[Fact] = []
    listen = HttpSettings(listen="127.0.0.1:0", keys=keys)
    access = Access(listen, account="000000000000", region="us-east-1", now=time.time)
    handlers = dict.fromkeys(service("lambda").operations, nothing)
    front = Front(handlers, access, logs=dict.fromkeys(service("logs").operations, nothing), emit=facts.append)
    statuses: set[int] = set()
    tried = Tried()

    @settings(max_examples=400 * TIMES, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(request=requests())
    def once(request: bytes) -> None:
        tried.one()
        status = answered(url, request)
        statuses.add(status)
        assert status < 500, request
        assert not [fact for fact in facts if isinstance(fact, DefectFoundError)], request

    with served(front, tmp_path, listen) as url, caplog.at_level("WARNING"):
        once()
        assert caplog.text == ""
        until(lambda: front._bodies.held == 0, "no body is kept")
    record_property(PROPERTY, tried.count)
    assert tried.count >= 400 * TIMES
    assert statuses >= ({400, 403} if keys else {200, 400, 404})
    assert not (keys and statuses & {200, 404})


def answered(url: str, request: bytes) -> int:
    """The status of the answer; 0 when the connection was closed without one."""
    parts = urlsplit(url)
    with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=30) as raw:
        try:
            raw.sendall(request)
            answer = http.client.HTTPResponse(raw, method=request.split(b" ")[0].decode(errors="replace"))
            answer.begin()
            if answer.status not in {100, 101}:
                answer.read()
        except (ConnectionError, http.client.BadStatusLine):
            return 0
        of_http = {400, 417}  # what is no HTTP, and an Expect of something else, is answered before it is looked at
        assert answer.status in of_http or answer.headers["x-amzn-RequestId"], answer.headers
        return answer.status


def test_a_head_that_never_ends_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.OPTIONS, "keepalive_timeout", 0.1)
    with served(Front({}), tmp_path) as url:
        parts = urlsplit(url)
        with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=30) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
            assert raw.recv(100) == b""


def test_a_connection_too_many_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 2)
    with served(Front({}), tmp_path) as url:
        parts = urlsplit(url)
        address = (str(parts.hostname), int(parts.port or 0))
        with socket.create_connection(address) as one, socket.create_connection(address) as two:
            for raw in (one, two):
                raw.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                assert raw.recv(4096).startswith(b"HTTP/1.1 200 ")
            with socket.create_connection(address) as three:
                assert three.recv(4096).startswith(b"HTTP/1.1 503 ")
        until(lambda: _status(address) == b"200", "there is room again")


def _status(address: tuple[str, int]) -> bytes:
    with socket.create_connection(address) as raw:
        raw.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        return raw.recv(4096)[9:12]


@pytest.mark.parametrize("size", [30_000, 60_000])
def test_a_query_may_be_as_long_as_fifty_tags(tmp_path: Path, size: int) -> None:
    with served(Front({"UntagResource": nothing}), tmp_path) as url:
        path = "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af?x=" + "a" * size
        request = f"DELETE {path}&tagKeys=a HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        assert answered(url, request.encode()) == 204
        assert answered(url, request.replace("?x=", "?x=" + "a" * 65536).encode()) == 400
