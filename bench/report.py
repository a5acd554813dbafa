"""Figures -> a table for people and a JSON file for machines."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.figures import Figure, Line, Skipped

RESULTS = Path(__file__).with_name("results")
VERDICTS = {True: "[green]met[/]", False: "[bold red]NOT met[/]", None: ""}


def show(console: Console, found: Sequence[Line | Skipped]) -> None:
    """Print the table, then what was skipped and what needs a word."""
    table = Table(title="median [least, greatest] of the rounds; ratio: median of ours / peer within a round")
    for heading in ("", "path", "unit", "ours", "peer", "its figure", "ratio", "budget", ""):
        table.add_column(heading, justify="right" if heading in {"ours", "its figure", "ratio"} else "left")
    for line in found:
        if isinstance(line, Line):
            table.add_row(*_row(line))
    console.print(table)
    for line in found:
        if isinstance(line, Skipped):
            console.print(f"[yellow]skipped[/] ({line.letter}) {line.path}: {line.reason}")
        elif line.note:
            console.print(f"note ({line.letter}) {line.path}: {line.note}")


def save(found: Sequence[Line | Skipped], *, quick: bool) -> Path:
    """Write everything, samples included; returns the file."""
    now = dt.datetime.now(dt.UTC)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{now:%Y-%m-%dT%H%M%SZ}.json"
    about = {
        "at": now.isoformat(),
        "quick": quick,
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
    }
    path.write_text(json.dumps(about | {"found": [_plain(line) for line in found]}, indent=1) + "\n")
    return path


def _row(line: Line) -> tuple[str, ...]:
    ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
    theirs = "" if line.theirs is None else _figure(line.theirs)
    return (
        line.letter,
        line.path,
        line.unit,
        _figure(line.ours),
        line.peer,
        theirs,
        ratio,
        line.budget,
        VERDICTS[line.met],
    )


def _figure(figure: Figure) -> str:
    least, greatest = figure.spread
    if len(figure.samples) == 1:
        return _number(figure.median)
    return f"{_number(figure.median)} [{_number(least)}, {_number(greatest)}]"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _plain(line: Line | Skipped) -> dict[str, Any]:
    plain = asdict(line)
    return plain | {"ratio": line.ratio} if isinstance(line, Line) else plain
