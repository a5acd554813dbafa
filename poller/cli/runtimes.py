"""``pollerd runtimes``: which runtimes functions can have here, what they are made of, and how to get the others."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from poller.execution.runtimes import listing
from poller.execution.runtimes.building.install import Order, install
from poller.execution.runtimes.building.workshop import BuildError
from poller.execution.runtimes.contract import RuntimeUnavailable
from poller.settings.load import load
from poller.settings.problems import SettingsError

UNBUILT = 1
"""Exit code when a runtime could not be built."""


def add(parser: argparse.ArgumentParser) -> None:
    """Description and arguments of the verb."""
    parser.description = "List runtimes: which can be had now, of which versions, and what to do for the others."
    _state(parser)
    parser.add_argument("--json", action="store_true", help="as JSON: one object a runtime")
    parser.set_defaults(call=call)
    actions = parser.add_subparsers(metavar="ACTION")
    text = "Build a runtime under the state folder, apart from the daemon's own packages. A running daemon needs no restart."
    builder = actions.add_parser("install", help="build a runtime", description=text)
    builder.add_argument("identifier", metavar="IDENTIFIER", help="AWS's name, e.g. python3.13")
    builder.add_argument(
        "--interpreter", default="", metavar="FILE", help="the interpreter to use; default: the first found"
    )
    builder.add_argument("--root", action="store_true", help="with a root file system of its own, from a Debian suite")
    builder.add_argument(
        "--mirror", default="", metavar="URL", help="Debian archive for --root; default: that of this host's apt"
    )
    builder.add_argument("--packages", type=Path, metavar="FOLDER", help="wheels or gems to use, instead of a registry")
    _state(builder)
    builder.set_defaults(call=_install)


def _state(parser: argparse.ArgumentParser) -> None:
    text = "configuration whose state folder is meant; default: as for `pollerd run`, and ./state without any"
    parser.add_argument("--config", type=Path, default=None, metavar="CONFIG", help=text)
    parser.add_argument("--state", type=Path, default=None, metavar="FOLDER", help="the state folder itself")


def call(given: argparse.Namespace) -> int:
    """List them."""
    lines = listing.listing(_folder(given))
    if given.json:
        print(json.dumps([line.as_json() for line in lines], indent=1))
        return 0
    width = max(len(line.identifier) for line in lines)
    for line in lines:
        mark = "available" if line.available else "-"
        print(f"{line.identifier:{width}}  {mark:9}  {line.text}")
    return 0


def _install(given: argparse.Namespace) -> int:
    """0: built. 1: not, with the reason; nothing has changed."""
    state = _folder(given)
    order = Order(
        identifier=given.identifier,
        interpreter=given.interpreter,
        rooted=given.root,
        mirror=given.mirror,
        packages=given.packages,
    )
    try:
        build = install(order, state, lambda text: print(f"{given.identifier}: {text}", file=sys.stderr, flush=True))
    except (BuildError, RuntimeUnavailable, OSError) as error:
        print(f"{given.identifier} was not installed: {error}", file=sys.stderr)
        return UNBUILT
    except KeyboardInterrupt:
        print(f"{given.identifier} was not installed: interrupted", file=sys.stderr)
        return UNBUILT
    print(f"{given.identifier}: {build.version}, {build.client}, in {build.folder}")
    return 0


def _folder(given: argparse.Namespace) -> Path:
    """The state folder; a configuration that cannot be used ends the program, one that is not there does not."""
    if given.state is not None:
        return Path(given.state)
    try:
        return Path(load(given.config).state)
    except SettingsError as error:
        if given.config is None and not Path("pollerd.yaml").exists():
            return Path("state")
        print(error, file=sys.stderr)
        sys.exit(78)
