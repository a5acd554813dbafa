"""``pollerd mappings ls``."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from poller.cli.daemon import Daemon
from poller.cli.mappings.named import configuration
from poller.cli.mappings.view import finished_of, views
from poller.cli.table import show
from poller.control.store import StoreError

TEXT = (
    "List mappings: state, source, function, last processing result, age of what was read last, what waits in the source (about), what was "
    "given out and is not settled, how many partitions of a stream are known, and finished. How far each has come: explain NAME, or --json."
)
COLUMNS = ("mapping", "state", "source", "function", "last result", "age", "lag", "pending", "partitions")


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
    show(COLUMNS, map(_cells, shown))
    wrong = [(view["mapping"], view.get("trouble") or view.get("warning")) for view in shown]
    for text in [away] + [f"{mapping}: {what}" for mapping, what in wrong if what]:
        if text:
            print(text, file=sys.stderr)
    return 0


def _cells(view: dict[str, Any]) -> tuple[str, ...]:
    age = view.get("iterator_age_seconds")
    return (
        view["mapping"],
        view["state"],
        view["source"],
        view["function"],
        view.get("last_processing_result", ""),
        "" if age is None else f"{age:.1f} s",
        str(view.get("lag", "")),
        str(view.get("pending", "")),
        _partitions(view),
    )


def _partitions(view: dict[str, Any]) -> str:
    """How many are known, and how many of them have ended and are done."""
    known = view.get("partitions") or view.get("positions") or {}
    finished = len(finished_of(view.get("positions") or {}))
    return f"{len(known)} ({finished} finished)" if finished else str(len(known) or "")
