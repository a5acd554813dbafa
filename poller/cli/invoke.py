"""``pollerd invoke``: one event, straight to a function of a configuration; no daemon needed."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import uvloop

from poller.aio.clock import SystemClock
from poller.cli import configuration
from poller.control import assemble
from poller.control.desired import whole
from poller.dispatch.invoker import MAX_PAYLOAD, UnknownFunctionError
from poller.execution.pool import Pool
from poller.observe.logs import Log
from poller.settings.model import Settings


def add(parser: argparse.ArgumentParser) -> None:
    """Description and arguments of the verb."""
    parser.description = (
        "Invoke a function once, one of a configuration or one that a call of the API made. "
        "Its answer goes to standard output, its log to standard error. Exit code 1: it failed."
    )
    parser.add_argument(
        "function", metavar="FUNCTION", help="name of the function, as in orders, orders:live, orders:3"
    )
    parser.add_argument("event", nargs="?", default="{}", metavar="EVENT", help="JSON, @FILE, or - for standard input")
    parser.add_argument("--config", type=Path, metavar="CONFIG", help="file or folder; default as for run")
    parser.set_defaults(call=call)


def call(given: argparse.Namespace) -> int:
    """0: the function answered. 1: it failed. 2: no such function, version or alias, or no JSON."""
    settings = whole(configuration.read(given.config), str(given.config))
    reference = configuration.function(given.function, settings)
    if reference is None:
        return 2
    try:
        payload = _event(given.event)
    except (OSError, ValueError) as error:
        print(f"the event cannot be used: {error}", file=sys.stderr)
        return 2
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_invoke(settings, reference.target, payload))


async def _invoke(settings: Settings, target: str, payload: bytes) -> int:
    log = Log(settings.log.format, settings.log.level)
    driver = configuration.driver(settings, log)
    pools = assemble.pools(settings, driver, log, SystemClock())
    try:
        result = await assemble.invoker(settings, pools, log).invoke(target, payload)
    except UnknownFunctionError:
        print(f"Function not found: {_arn(pools, target)}", file=sys.stderr)
        return 2
    finally:
        for pool in pools.values():
            await pool.close()
        await driver.close()
        log.flush()
    sys.stdout.buffer.write(result.payload + b"\n")
    sys.stdout.flush()
    return 0 if result.ok else 1


def _arn(pools: Mapping[str, Pool], target: str) -> str:
    name, _, qualifier = target.partition(":")
    return f"{pools[name].spec.arn}:{qualifier}"


def _event(text: str) -> bytes:
    raw = sys.stdin.buffer.read() if text == "-" else Path(text[1:]).read_bytes() if text[:1] == "@" else text.encode()
    try:
        json.loads(raw)
    except ValueError as error:
        hint = f"; @{text} reads it from the file" if os.path.isfile(text) else ""  # noqa: PTH113  # takes any text
        raise ValueError(f"this is not JSON: {error}{hint}") from error
    if len(raw) > MAX_PAYLOAD:
        raise ValueError(f"{len(raw)} bytes, {MAX_PAYLOAD} are allowed")
    return raw
