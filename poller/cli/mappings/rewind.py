"""``pollerd mappings rewind``: by the daemon that runs the mapping, or in the state file when none does."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import sys
from pathlib import Path
from typing import Any

from connectors.contract import SourceError
from poller.cli.daemon import PATIENCE, AwayError, Daemon, DeniedError
from poller.cli.mappings.named import configuration, mapping
from poller.control import positions, tenancy
from poller.control.checkpoints import CheckpointStore
from poller.control.mappings import reader
from poller.control.rewind import Rewind, RewindError, rewind, target
from poller.control.store import StoreError
from poller.control.tenancy import TakenError
from poller.settings.mappings import source
from poller.settings.model import Settings

TEXT = (
    "Send a stream's mapping elsewhere: back, to handle records again, or ahead, to pass over some. A running daemon finishes what "
    "it has begun, moves, and goes on; records that were handled come again as they came before, with no mark on them. Every jump "
    "stands in `pollerd mappings log`."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Those of this action."""
    help_ = (
        "TRIM_HORIZON (the oldest record), LATEST (after the newest), a time (2026-11-01T09:30:00Z), or a position as "
        "`pollerd mappings explain` shows it: the record after it is the next"
    )
    parser.add_argument("--to", required=True, metavar="PLACE", help=help_)
    parser.add_argument(
        "--partition", metavar="NAME", help="this one only, e.g. a shard; default: all, also those to come"
    )
    parser.add_argument("--why", default="", metavar="TEXT", help="for the log")


def call(given: argparse.Namespace) -> int:
    """0: done. 1: not, and why. 2: no such mapping."""
    settings = configuration(given)
    own = mapping(given.mapping, settings)
    if own is None:
        return 2
    try:
        to = target(given.to, source(own).capabilities)
        wish = Rewind(partition=given.partition, to=to, who=getpass.getuser(), why=given.why)
        how = _rewind(given.mapping, wish, given.to, settings, Daemon(settings, given.url))
        jumps = positions.log(Path(settings.state), given.mapping)
    except (RewindError, SourceError, StoreError, AwayError, DeniedError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    moment = jumps[-1].moment if jumps else ""
    _print([jump for jump in jumps if jump.moment == moment], how, as_json=given.json)
    return 0


def _rewind(name: str, wish: Rewind, to: str, settings: Settings, daemon: Daemon) -> str:
    """Do it where it can be done; say where."""
    try:
        tenancy.take(Path(settings.state), name).leave()
    except TakenError as taken:
        body = {"to": to, "partition": wish.partition, "who": wish.who, "why": wish.why}
        try:
            daemon.ask(name, "rewind", body, settings.stop_timeout_seconds + PATIENCE)
        except AwayError as error:
            raise AwayError(f"{taken}, but {error}") from error
        return f"by the daemon at {daemon.address}"
    asyncio.run(_alone(name, wish, settings))
    return "by this command: no daemon runs this mapping"


async def _alone(name: str, wish: Rewind, settings: Settings) -> None:
    own = settings.event_source_mappings[name]
    store = CheckpointStore(Path(settings.state), lambda _: None)
    try:
        async with store.taken(name) as checkpoints:
            await rewind(wish, source(own), checkpoints, reader(name, own, checkpoints))
    finally:
        await store.close()


def _print(jumps: list[positions.Jump], how: str, *, as_json: bool) -> None:
    if as_json:
        lines: list[dict[str, Any]] = [
            {"partition": jump.partition or None, "from": jump.before, "to": jump.after} for jump in jumps
        ]
        print(json.dumps({"moved": how, "jumps": lines}, indent=2))
        return
    for jump in jumps:
        print(f"{jump.partition or 'all partitions'}: {jump.before or '-'} -> {jump.after or '-'}")
    print(f"moved {how}", file=sys.stderr)
