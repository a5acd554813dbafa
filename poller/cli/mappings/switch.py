"""``pollerd mappings pause`` and ``resume``."""

from __future__ import annotations

import argparse
import getpass
import json
import sys

from poller.cli.daemon import PATIENCE, AwayError, Daemon, DeniedError
from poller.cli.mappings.named import configuration, mapping

PAUSE = (
    "Pause a mapping of the running daemon. Nothing more is fetched, what was begun is finished. It lasts until it is resumed or "
    "the daemon is started anew; for good: `enabled: false` in the configuration."
)
RESUME = "Resume a mapping that was paused."


def pause(given: argparse.Namespace) -> int:
    """0: it is, or will be when what runs is finished. 1: not. 2: no such mapping."""
    return _ask(given, "pause")


def resume(given: argparse.Namespace) -> int:
    """0: it goes on. 1: not. 2: no such mapping."""
    return _ask(given, "resume")


def _ask(given: argparse.Namespace, verb: str) -> int:
    settings = configuration(given)
    if not given.url and mapping(given.mapping, settings) is None:
        return 2
    try:
        answer = Daemon(settings, given.url).ask(given.mapping, verb, {"who": getpass.getuser()}, PATIENCE)
    except (AwayError, DeniedError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(answer, indent=2) if given.json else f"{answer['mapping']}: {answer['state']}")
    return 0
