"""``pollerd mappings log``."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from poller.cli.mappings.daemon import configuration, mapping
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
        print(json.dumps([dataclasses.asdict(jump) for jump in jumps], indent=2))
        return 0
    table = Table(box=box.SIMPLE_HEAD)
    for title in ("when", "who", "partition", "from", "to", "why"):
        table.add_column(title, overflow="fold")
    for jump in jumps:
        table.add_row(jump.moment, jump.who, jump.partition or "all", jump.before or "-", jump.after or "-", jump.why)
    Console().print(table)
    return 0
