"""An invocation by this command itself, of a function of the configuration or one that a call of the API made; no daemon needed."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping

import uvloop

from poller.aio.clock import SystemClock
from poller.cli import configuration
from poller.control import assemble
from poller.control.desired import whole
from poller.dispatch.invoker import UnknownFunctionError
from poller.execution.pool import Pool
from poller.observe.logs import Log
from poller.settings.model import Settings


def run(given: argparse.Namespace, payload: bytes) -> int:
    """0: the function answered. 1: it failed. 2: no such function, version or alias."""
    settings = whole(configuration.read(given.config), str(given.config))
    reference = configuration.function(given.function, settings)
    if reference is None:
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
