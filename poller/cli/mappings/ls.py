"""``pollerd mappings ls``."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from poller.cli.mappings.daemon import Daemon, configuration
from poller.cli.mappings.view import views
from poller.control.store import StoreError

TEXT = (
    "List mappings: state, source, function, last processing result, age of what was read last, what waits in the source (about), and "
    "how far each partition of a stream has come."
)
COLUMNS = ("mapping", "state", "source", "function", "last result", "age", "lag", "positions")
SHOWN_PARTITIONS = 3


def call(given: argparse.Namespace) -> int:
    """0: listed. 1: the state file cannot serve."""
    settings = configuration(given)
    try:
        shown, away = views(settings, Daemon(settings, given.url))
    except StoreError as error:
        print(error, file=sys.stderr)
        return 1
    if given.json:
        print(json.dumps(shown, indent=2))
        return 0
    table = Table(box=box.SIMPLE_HEAD)
    for title in COLUMNS:
        table.add_column(title, overflow="fold")
    for view in shown:
        table.add_row(*_cells(view))
    Console().print(table)
    for text in [away] + [f"{view['mapping']}: {view['trouble']}" for view in shown if view.get("trouble")]:
        if text:
            print(text, file=sys.stderr)
    return 0


def _cells(view: dict[str, Any]) -> tuple[str, ...]:
    age, lag = view.get("iterator_age_seconds"), view.get("lag")
    return (
        view["mapping"],
        view["state"],
        view["source"],
        view["function"],
        view.get("last_processing_result", ""),
        "" if age is None else f"{age:.1f} s",
        "" if lag is None else str(lag),
        _positions(view.get("positions", {})),
    )


def _positions(positions: dict[str, str]) -> str:
    lines = [f"{partition}: {_short(position)}" for partition, position in sorted(positions.items())]
    rest = len(lines) - SHOWN_PARTITIONS
    return "\n".join(lines[:SHOWN_PARTITIONS] + ([f"and {rest} more: --json"] if rest > 0 else []))


def _short(position: str) -> str:
    """A Kinesis sequence number has 56 digits, of which the last tell."""
    return position if len(position) <= 24 else f"…{position[-16:]}"  # noqa: PLR2004
