"""``pollerd mappings log``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from poller.cli.mappings import said
from poller.cli.mappings.named import configuration, mapping
from poller.cli.table import show
from poller.control.store import StoreError

TEXT = (
    "List what was changed of a mapping, oldest first: when, who, what, from, to, why. Keys (by files, by a call), pauses, what the daemon "
    "did by itself (its circuit breaker, beginning anew), and every jump in a stream: any change of a position but reading on. Of a "
    "mapping that is gone, too."
)


def call(given: argparse.Namespace) -> int:
    """0: listed. 1: the state file cannot serve. 2: no such mapping."""
    settings = configuration(given)
    try:
        found = said.entries(Path(settings.state), given.mapping)
    except StoreError as error:
        print(error, file=sys.stderr)
        return 1
    if not found and mapping(given.mapping, settings) is None:
        return 2
    if given.json:
        print(json.dumps(found, indent=2))
        return 0
    show(("when", "who", "what", "of", "from", "to", "why"), (row for entry in found for row in said.rows(entry)))
    return 0
