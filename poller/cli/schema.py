"""``pollerd schema``: the configuration's documents, rendered from the model."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from poller.daemon import Daemon
from poller.execution.scripted import ScriptedDriver
from poller.observe.metrics import table
from poller.settings import render
from poller.settings.model import Settings


def add(parser: argparse.ArgumentParser) -> None:
    """Description and arguments of the verb."""
    parser.description = (
        "Print the JSON Schema of the configuration, for editors; or every document of the folder config/."
    )
    parser.add_argument("--table", action="store_true", help="a table of all options instead (Markdown)")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write example and schema into a folder instead")
    parser.set_defaults(call=call)


def call(given: argparse.Namespace) -> int:
    """Print or write."""
    if given.write:
        for file in (*render.write(given.write), _write_metrics(given.write / "metrics.md")):
            print(file)
    else:
        text = render.table if given.table else render.schema_text
        print(text(render.sources()))
    return 0


class _Stocked(ScriptedDriver):
    """One of whose environments all there is to know is known."""

    def spares(self) -> dict[str, int]:
        """``Stocked``."""
        return {}


def metrics_text() -> str:
    """The table of the metrics that a daemon shows, whatever it runs."""
    with tempfile.TemporaryDirectory() as state:
        daemon = Daemon(Settings(state=state), lambda _: _Stocked(), lambda _: None)
        return table(daemon.metrics.abouts)


def _write_metrics(file: Path) -> Path:
    file.write_text(metrics_text())
    return file
