"""``pollerd versions``: what is published of a function, and which aliases point to it; and deleting a version."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from poller.cli import configuration
from poller.cli.table import show
from poller.control import versions
from poller.control.desired import whole
from poller.control.store import StoreError
from poller.settings.model import Settings
from poller.settings.package import PackageError
from poller.settings.references import LATEST

SHOWN_DIGITS = 12


def add(parser: argparse.ArgumentParser) -> None:
    """Description and arguments of the verb."""
    parser.description = (
        "List the versions of a function, $LATEST first: when each was published, the digest of its code, the aliases "
        "that point to it."
    )
    parser.add_argument("function", metavar="FUNCTION", help="name of the function")
    parser.add_argument("--json", action="store_true", help="as a JSON list")
    help_ = "delete this version instead; its number is not given again. One that an alias or a mapping names stays"
    parser.add_argument("--delete", type=int, metavar="NUMBER", help=help_)
    parser.add_argument("--config", type=Path, metavar="CONFIG", help="file or folder; default as for run")
    parser.set_defaults(call=call)


def call(given: argparse.Namespace) -> int:
    """0: done. 1: the version is in use, or the state file cannot serve. 2: no such function or version."""
    settings = whole(configuration.read(given.config, published=False), str(given.config))
    reference = configuration.function(given.function, settings)
    if reference is None:
        return 2
    try:
        if given.delete is not None:
            return _delete(reference.name, given.delete, settings)
        rows = list(_rows(reference.name, settings))
    except (PackageError, StoreError, versions.InUseError) as error:
        print(error, file=sys.stderr)
        return 1
    if given.json:
        print(json.dumps(rows, indent=2))
    else:
        _print(rows)
    return 0


def _delete(name: str, number: int, settings: Settings) -> int:
    if versions.delete(name, number, settings):
        return 0
    print(f"{name} has no version {number}", file=sys.stderr)
    return 2


def _rows(name: str, settings: Settings) -> Iterator[dict[str, Any]]:
    function = settings.functions[name]
    aliases = {alias: {to.version: None, **to.weights} for alias, to in function.aliases.items()}
    latest = {"function": name, "version": LATEST, "code_sha256": versions.digest(name, settings)}
    latest |= {"description": "", "created": ""}
    for row in (latest, *(configuration.shown(version) for version in versions.published(settings).of(name).values())):
        named = [alias for alias, to in aliases.items() if row["version"] in to]
        yield row | {"aliases": {alias: _share(aliases[alias], str(row["version"])) for alias in named}}


def _share(to: dict[str, float | None], version: str) -> float:
    """Share of an alias's invocations that go to one of its versions."""
    share = to[version]
    return share if share is not None else 1 - sum(share or 0 for share in to.values())


def _print(rows: list[dict[str, Any]]) -> None:
    show(("version", "published", "code", "aliases", "description"), map(_cells, rows))


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    aliases = ", ".join(f"{name} {share:.0%}" if share < 1 else name for name, share in row["aliases"].items())
    return row["version"], row["created"], row["code_sha256"][:SHOWN_DIGITS], aliases, row["description"]
