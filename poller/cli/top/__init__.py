"""``pollerd top``: what a running daemon does, each second anew; once where nobody watches."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from rich.console import Console

from poller.cli.configuration import asked_of
from poller.cli.daemon import AwayError, Daemon, DeniedError, add_url
from poller.cli.top import screen
from poller.cli.top.sample import Sample
from poller.cli.top.shown import shown, tables

SECONDS = 1.0
"""Between two looks."""


def add(parser: argparse.ArgumentParser) -> None:
    """Description and arguments of the verb."""
    parser.description = (
        "What the daemon of this configuration does, each second anew: mappings with their rates, lag and what keeps them, functions with "
        "rates and durations, the daemon itself. Keys: q quits, p pauses, s sorts by something else. Once where output is no terminal."
    )
    parser.set_defaults(call=call)
    parser.add_argument("--once", action="store_true", help="print once, of one second, and end")
    parser.add_argument("--json", action="store_true", help="the same as JSON")
    parser.add_argument("--config", type=Path, metavar="CONFIG", help="file or folder; default as for run")
    add_url(parser)


def call(given: argparse.Namespace) -> int:
    """0: shown. 1: no daemon answers."""
    daemon = Daemon(asked_of(given), given.url)
    live = sys.stdout.isatty() and sys.stdin.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    try:
        if live and not (given.once or given.json):
            screen.show(lambda: look(daemon), SECONDS)
            return 0
        before = look(daemon)
        time.sleep(SECONDS)
        found = shown(before, look(daemon))
    except (AwayError, DeniedError) as error:
        print(error, file=sys.stderr)
        return 1
    if given.json:
        print(json.dumps(found, indent=2))
    else:
        console = Console(markup=False, highlight=False, emoji=False, width=None if sys.stdout.isatty() else 200)
        for table in tables(found, ""):
            console.print(table)
    return 0


def look(daemon: Daemon) -> Sample:
    """What it says now. Raises AwayError, DeniedError."""
    return Sample.of(time.monotonic(), daemon.mappings(), daemon.metrics())
