"""``pollerd top``: rates and quantiles between two looks, and the command itself against a port, in a pipe and in a terminal."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from poller.cli.top.sample import Sample, quantile, rate
from poller.cli.top.shown import shown, tables

VIEW: dict[str, Any] = {
    "mapping": "orders-queue",
    "state": "polling",
    "records_in_hand": 4,
    "lag": 120,
    "reasons": [{"reason": "invoking", "sentence": "1 invocations are under way"}],
}


def page(delivered: int, failed: int = 0, *, fast: int = 0, slow: int = 0) -> str:
    return f"""# TYPE pollerd_records_settled counter
pollerd_records_settled_total{{mapping="orders-queue",outcome="delivered"}} {delivered}
pollerd_records_settled_total{{mapping="orders-queue",outcome="retry"}} 7
# TYPE pollerd_batches_judged counter
pollerd_batches_judged_total{{mapping="orders-queue",verdict="delivered"}} {delivered // 10}
pollerd_batches_judged_total{{mapping="orders-queue",verdict="failed"}} {failed}
# TYPE pollerd_environments gauge
pollerd_environments{{function="orders"}} 3
# TYPE pollerd_invocation_seconds histogram
pollerd_invocation_seconds_bucket{{function="orders",le="0.01"}} {fast}
pollerd_invocation_seconds_bucket{{function="orders",le="0.1"}} {fast + slow}
pollerd_invocation_seconds_bucket{{function="orders",le="+Inf"}} {fast + slow}
"""


def sample(at: float, text: str) -> Sample:
    return Sample.of(at, [VIEW], text)


def test_rates_are_of_the_time_between_two_looks_and_begin_anew_with_a_daemon() -> None:
    name, of = "pollerd_records_settled_total", {"mapping": "orders-queue", "outcome": "delivered"}
    assert rate(sample(10, page(100)), sample(12, page(400)), name, **of) == 150
    assert rate(sample(10, page(400)), sample(12, page(100)), name, **of) == 50
    assert rate(sample(10, page(400)), sample(10, page(500)), name, **of) == 0


def test_quantiles_are_of_what_was_observed_between() -> None:
    name = "pollerd_invocation_seconds"
    before, after = sample(0, page(0, fast=1000)), sample(1, page(0, fast=1000, slow=100))
    assert quantile(before, after, name, 0.5, function="orders") == pytest.approx(0.055)
    assert quantile(after, after, name, 0.5, function="orders") is None
    assert quantile(before, after, name, 0.5, function="another") is None


def test_what_keeps_a_mapping_is_shown_beside_its_rates() -> None:
    found = shown(sample(0, page(0)), sample(1, page(50, failed=2)))
    assert found["mappings"] == [
        {
            "mapping": "orders-queue",
            "state": "polling",
            "records/s": 50.0,
            "batches/s": 7.0,
            "lag": 120,
            "in hand": 4,
            "errors/s": 2.0,
            "why": "1 invocations are under way",
        }
    ]
    assert len(tables(found, "lag")) == 3
    stalled = Sample(1, [VIEW | {"healthy": False, "trouble": "it has stood still"}], {})
    [mapping] = shown(stalled, stalled)["mappings"]
    assert (mapping["state"], mapping["why"]) == ("stalled", "it has stood still")


class _Daemon(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = page(10) if self.path == "/metrics" else json.dumps({"mappings": [VIEW]})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def command(tmp_path: Path) -> Iterator[list[str]]:
    """The command, and a port that answers as a daemon does."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Daemon)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    config = tmp_path / "pollerd.json"
    config.write_text("{}")
    url = f"http://127.0.0.1:{server.server_port}"
    yield [sys.executable, "-m", "poller", "top", "--config", str(config), "--url", url]
    server.shutdown()
    thread.join()
    server.server_close()


def test_in_a_pipe_it_prints_once(command: list[str]) -> None:
    for more, wanted in ([], "records/s"), (["--json"], '"records/s": 0.0'):
        done = subprocess.run([*command, *more], capture_output=True, text=True, timeout=60, check=False)
        assert done.stderr == ""
        assert wanted in done.stdout
        assert "orders-queue" in done.stdout
        assert "\x1b" not in done.stdout


def test_in_a_terminal_it_goes_on_until_q(command: list[str]) -> None:
    master, slave = pty.openpty()
    terminal = {**os.environ, "TERM": "xterm", "COLUMNS": "160", "LINES": "30"}
    child = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=terminal)
    os.close(slave)
    seen = b""
    try:
        while b"orders-queue" not in seen:
            assert select.select([master], [], [], 60)[0]
            seen += os.read(master, 65536)
        os.write(master, b"s")
        while b"by records/s" not in seen:
            assert select.select([master], [], [], 60)[0]
            seen += os.read(master, 65536)
        os.write(master, b"q")
        assert child.wait(60) == 0
    finally:
        child.kill()
        child.wait()
        os.close(master)


def test_without_a_daemon_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "pollerd.json").write_text("{}")
    command = [sys.executable, "-m", "poller", "top", "--once", "--config", str(tmp_path / "pollerd.json")]
    done = subprocess.run([*command, "--url", "127.0.0.1:1"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no daemon answers" in done.stderr
