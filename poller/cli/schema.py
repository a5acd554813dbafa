"""``pollerd schema``: the configuration's documents, rendered from the model."""

from __future__ import annotations

import argparse
from pathlib import Path

from poller.settings import render


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
        for file in render.write(given.write):
            print(file)
    else:
        text = render.table if given.table else render.schema_text
        print(text(render.sources()))
    return 0
