"""``pollerd demo``: a queue, a function and this daemon, all real, for a minute.

A local SQS (MiniStack) and ``pollerd run`` are started as processes; orders are sent, among them some that a filter drops, some that fail
once, and one that always fails and ends in the dead-letter queue. What is shown is read from the daemon's own log and metrics.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from poller.cli.demo.orders import KINDS, Orders
from poller.cli.demo.processes import Daemon, Server, free_port
from poller.cli.demo.report import Watch
from poller.execution.runtimes import own

SECONDS = 50.0
"""Until the demo gives up; it usually takes ten."""

CONFIG = """aws: {{region: us-east-1, endpoint_url: {endpoint}}}
http: {{listen: "127.0.0.1:{port}"}}
state: ./state
functions:
  orders: {{code: ./orders, runtime: {runtime}, handler: handler.handler, timeout_seconds: 10, reserved_concurrency: 4}}
event_source_mappings:
  orders:
    source: {{type: sqs, queue: orders}}
    function: orders
    batch_size: 10
    filter_criteria: [{{body: {{kind: [{{anything-but: noise}}]}}}}]
    function_response_types: [ReportBatchItemFailures]
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Description and arguments of the verb."""
    parser.description = "Show messages of a local SQS queue become invocations of a function, with failures, filters and a poison message."
    parser.add_argument("--keep", action="store_true", help="stay up afterwards, until Ctrl-C")
    parser.set_defaults(call=call)


def call(given: argparse.Namespace) -> int:
    """0: every order is accounted for."""
    if shutil.which("ministack", path=str(Path(sys.executable).parent)) is None:
        print("the demo needs MiniStack as its local SQS: pip install ministack", file=sys.stderr)
        return 1
    with contextlib.suppress(KeyboardInterrupt), tempfile.TemporaryDirectory(prefix="pollerd-demo-") as folder:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        return _play(Path(folder), keep=given.keep)
    return 130


def _play(folder: Path, *, keep: bool) -> int:
    port = free_port()
    with Server(folder) as server:
        print(f"a local SQS listens on {server.url}")
        orders = Orders(server.url)
        (folder / "orders").mkdir()
        shutil.copy(Path(__file__).with_name("handler.py"), folder / "orders")
        config = folder / "pollerd.yaml"
        config.write_text(CONFIG.format(endpoint=server.url, port=port, runtime=own.IDENTIFIER))
        print(f"\n$ cat pollerd.yaml\n{config.read_text()}\n$ pollerd run")
        with Daemon(config, port) as daemon:
            print(f"ready: http://127.0.0.1:{port}/readyz, /metrics\n\nsending {sum(KINDS.values())} orders ...")
            orders.send()
            watch = Watch(daemon, orders)
            complete = watch.until_complete(time.monotonic() + SECONDS)
            watch.summary(complete=complete)
            if keep:
                print(f"\nstaying up; queue {orders.url}. Ctrl-C ends it.")
                while daemon.running:
                    time.sleep(0.5)
    return 0 if complete else 1
