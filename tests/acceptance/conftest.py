"""Fixtures of the acceptance tests: the scenes of the fault tests, where the daemon is a process, and a server that keeps count."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from tests.faults.conftest import scene, scene_on

__all__ = ["denying_server", "scene", "scene_on"]


class DenyingServer(http.server.ThreadingHTTPServer):
    """Speaks enough SQS to deny everything. requests: how many it got."""

    requests = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Deny(http.server.BaseHTTPRequestHandler):
    server: DenyingServer

    def do_POST(self) -> None:
        self.server.requests += 1
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b'{"__type":"com.amazonaws.sqs#AccessDeniedException","message":"not for you"}'
        self.send_response(403)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the parent's name for it
        """Keep quiet."""


@pytest.fixture
def denying_server() -> Iterator[DenyingServer]:
    with DenyingServer(("127.0.0.1", 0), _Deny) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
