"""``pollerd publish``: a version of a function as it stands now, by the daemon that runs, or in the state file while none does."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from poller.cli import configuration
from poller.cli.daemon import AwayError, Daemon, DeniedError
from poller.control.desired import whole
from poller.control.state import Version
from poller.control.store import StoreError
from poller.control.versions import publish, published
from poller.settings.model import Settings
from poller.settings.package import PackageError
from poller.settings.references import LATEST

LONGEST_DESCRIPTION = 256
"""Characters (Lambda API reference, Description)."""


def add(parser: argparse.ArgumentParser) -> None:
    """Description and arguments of the verb."""
    parser.description = (
        "Publish a version: code and settings of a function as they are now, which nothing changes any more. Prints its number. "
        "If nothing has changed since the newest version, that one stands, as on AWS. A running daemon of this configuration makes it, and "
        "has it at once."
    )
    parser.add_argument("function", metavar="FUNCTION", help="name of the function")
    parser.add_argument("--description", default="", metavar="TEXT", help="what is to be said of the version")
    parser.add_argument("--json", action="store_true", help="number, digest of the code, description and time as JSON")
    parser.add_argument("--config", type=Path, metavar="CONFIG", help="file or folder; default as for run")
    parser.set_defaults(call=call)


def call(given: argparse.Namespace) -> int:
    """0: there is a version of what stands now. 1: it could not be stored. 2: no such function, or a version cannot be made of it."""
    settings = whole(configuration.read(given.config, published=False), str(given.config))
    reference = configuration.function(given.function, settings)
    if reference is None:
        return 2
    if reference.qualifier not in {"", LATEST}:
        print(f"only {LATEST} can be published, not {reference.target}", file=sys.stderr)
        return 2
    if len(given.description) > LONGEST_DESCRIPTION:
        print(f"a description has at most {LONGEST_DESCRIPTION} characters", file=sys.stderr)
        return 2
    try:
        version, new = _published(reference.name, settings, given.description)
    except (PackageError, StoreError, DeniedError, AwayError) as error:
        print(error, file=sys.stderr)
        return 1
    if given.json:
        print(json.dumps(configuration.shown(version) | {"new": new}))
    else:
        print(version.number)
        if not new:
            print(f"nothing has changed since version {version.number} of {version.function}", file=sys.stderr)
    return 0


def _published(name: str, settings: Settings, description: str) -> tuple[Version, bool]:
    """The version that stands for what is there now, and whether it is new. Raises as ``publish`` does, and what a daemon says."""
    daemon = Daemon(settings)
    try:
        daemon.refuse_others()
    except (AwayError, DeniedError):
        publication = publish(name, settings, description)
        return publication.version, publication.new
    before = published(settings, [name]).of(name)
    told = daemon.json("POST", f"/2015-03-31/functions/{name}/versions", {"Description": description})
    number = int(told["Version"])
    return published(settings, [name]).of(name)[number], number not in before
