"""``pollerd reload``: have the running daemon read its configuration again, and tell what that concerned."""

from __future__ import annotations

import argparse
import json
import sys

from poller.cli.configuration import add_argument, asked_of
from poller.cli.daemon import AwayError, Daemon, DeniedError, add_url


def add(parser: argparse.ArgumentParser) -> None:
    """Description and arguments of the verb."""
    parser.description = (
        "Have the running daemon read its configuration again, as on SIGHUP. Returns when it is in force, or was refused: then nothing "
        "has changed, the reason is on standard error, and the exit code is 1."
    )
    add_argument(parser)
    add_url(parser)
    parser.add_argument("--json", action="store_true", help="what it concerned, as JSON")
    parser.set_defaults(call=call)


def call(given: argparse.Namespace) -> int:
    """0: in force. 1: not, and why."""
    try:
        changed = Daemon(asked_of(given), given.url).reload()
    except (AwayError, DeniedError) as error:
        print(error, file=sys.stderr)
        return 1
    if given.json:
        print(json.dumps(changed))
        return 0
    for kind in ("functions", "mappings"):
        print(f"{kind} changed: {', '.join(changed[kind]) or 'none'}")
    return 0
