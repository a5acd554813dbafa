"""``pollerd run``: the daemon."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from pathlib import Path

import uvloop

from poller.aio.inherited import InheritedError, inherited
from poller.aio.stop import Stop
from poller.cli import configuration
from poller.cli.stop_signals import STOP_SIGNALS
from poller.control.desired import RefusedError
from poller.control.port import PortError
from poller.control.reload import Read
from poller.control.watch import code_changes, file_changes
from poller.daemon import Daemon
from poller.observe.events import DefectFoundError, Emit, TemplatePassedOver
from poller.observe.logs import Log
from poller.observe.notify import Notify
from poller.settings.files import locate
from poller.settings.load import Loaded

NO_PORT = 69
"""Exit code (sysexits.h: EX_UNAVAILABLE)."""
SOCKETS = ("http", "urls")
"""Names of the sockets that a service manager may open for us: for http.listen, for function_urls.listen."""
TURN_SECONDS = 0.001
"""What the event loop waits at most, after each of its calls to the kernel, for a thread that is busy: the client of a Kafka mapping,
say. With Python's own 5 ms a round trip on a socket beside one took up to 13 ms, one in a hundred; with this 0.06 ms (measured)."""

NEW_OBJECTS = 50_000
"""After so many more objects than went, Python looks for circles among them. With its own 700 it looked through the records in hand
over and over, none of which is in a circle: 8 of the 20 µs of a record of Kafka (measured)."""

WATCH_AGAIN_SECONDS = 10.0

Changes = Callable[[], AsyncIterator[None]]


def add(parser: argparse.ArgumentParser) -> None:
    """Description and arguments of the verb."""
    parser.description = (
        "Run the daemon. SIGTERM or Ctrl-C drains: running invocations finish, the rest is handed back. Twice: at once. "
        "SIGHUP reads the configuration again; what changed takes effect, the rest runs on."
    )
    configuration.add_argument(parser)
    parser.add_argument(
        "--watch",
        action="store_true",
        help="read the configuration again whenever its files or a function's code change; for development",
    )
    parser.set_defaults(call=call)


def call(given: argparse.Namespace) -> int:
    """Run until stopped."""
    notify = Notify.taken(os.environ, os.getpid())
    try:
        sockets = inherited(os.environ, os.getpid(), SOCKETS)
    except InheritedError as error:
        print(error, file=sys.stderr)
        return NO_PORT
    read = partial(configuration.loaded, given.config, given.profile, parameters=dict(given.parameters))
    loaded = configuration.ended_by_problems(read)
    sys.setswitchinterval(TURN_SECONDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(loaded, read, notify, sockets, origin=given.config, code=given.watch))


async def _run(
    loaded: Loaded,
    read: Read,
    notify: Notify,
    sockets: Mapping[str, socket.socket],
    *,
    origin: Path | None,
    code: bool,
) -> int:
    settings = loaded.settings
    log = Log(settings.log.format, settings.log.level)
    _tell_passed_over(log, loaded)
    stop = Stop()
    loop = asyncio.get_running_loop()
    STOP_SIGNALS.tell(lambda number: loop.call_soon_threadsafe(_signalled, stop, number))
    daemon = Daemon(
        settings,
        partial(configuration.driver, settings),
        log,
        origin=str(locate(origin)),
        read=partial(_read_again, read, log),
        notify=notify,
        sockets=sockets,
    )
    reread = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, reread.set)
    tasks = [asyncio.create_task(_reload(daemon, reread), name="reloads")]
    if settings.reload_on_change or code:
        tasks.append(
            _watched(
                "changes of the configuration",
                partial(file_changes, lambda: daemon.reloading.files or loaded.files),
                reread,
                log,
            )
        )
    if code:
        tasks.append(_watched("changes of code", partial(code_changes, daemon.desired), reread, log))
    gc.freeze()  # modules and settings stay for good
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
    try:
        await daemon.run(stop)
    except PortError as error:
        print(error, file=sys.stderr)
        return NO_PORT
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        STOP_SIGNALS.tell(lambda _: None)  # nothing is left to stop, and the exit code is settled
        log.flush()
    return 0


async def _reload(daemon: Daemon, reread: asyncio.Event) -> None:
    """Whenever it is asked for; what is asked for meanwhile is one more time."""
    while True:
        await reread.wait()
        reread.clear()
        with contextlib.suppress(RefusedError):  # it is told in the log
            await daemon.reloading.reload()


def _watched(part: str, changes: Changes, reread: asyncio.Event, emit: Emit) -> asyncio.Task[None]:
    """Let changes lead to a reload, for good: where the kernel has no more watches to give, it is asked again."""

    async def watch() -> None:
        while True:
            try:
                async for _ in changes():
                    reread.set()
            except (OSError, RuntimeError) as error:  # watchfiles' own is a RuntimeError
                emit(DefectFoundError(part=part, message=str(error), trace="", retry_seconds=WATCH_AGAIN_SECONDS))
                await asyncio.sleep(WATCH_AGAIN_SECONDS)

    return asyncio.create_task(watch(), name=part)


def _read_again(read: Read, emit: Emit) -> Loaded:
    loaded = read()
    _tell_passed_over(emit, loaded)
    return loaded


def _tell_passed_over(emit: Emit, loaded: Loaded) -> None:
    """Of what templates ask for; what would change nothing of what is served is for `pollerd check` to tell."""
    for notice in loaded.notices:
        if not notice.minor:
            emit(TemplatePassedOver(place=str(notice.place), what=notice.what, why=notice.sentence))


def _signalled(stop: Stop, number: signal.Signals) -> None:
    if stop.soft:
        stop.hurry()
    stop.begin(number.name)
