"""``pollerd mappings log``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from poller.cli.mappings.named import configuration, mapping
from poller.cli.table import show
from poller.control import positions
from poller.control.store import StoreError

TEXT = "List the jumps of a stream's mapping, oldest first. A jump is any change of a position but reading on: who, when, from, to, why."


def call(given: argparse.Namespace) -> int:
    """0: listed. 1: the state file cannot serve. 2: no such mapping."""
    settings = configuration(given)
    if mapping(given.mapping, settings) is None:
        return 2
    try:
        jumps = positions.log(Path(settings.state), given.mapping)
    except StoreError as error:
        print(error, file=sys.stderr)
        return 1
    if given.json:
        print(json.dumps([_told(jump) for jump in jumps], indent=2))
        return 0
    show(("when", "who", "partition", "from", "to", "why"), map(_cells, jumps))
    return 0


def _told(jump: positions.Jump) -> dict[str, Any]:
    """With the words of ``rewind --json``."""
    moved = {"partition": jump.partition or None, "from": jump.before, "to": jump.after}
    return {"moment": jump.moment, "who": jump.who, "mapping": jump.mapping, **moved, "why": jump.why}


def _cells(jump: positions.Jump) -> tuple[str, ...]:
    return jump.moment, jump.who, jump.partition or "all", jump.before or "-", jump.after or "-", jump.why
