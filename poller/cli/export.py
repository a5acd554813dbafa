"""``pollerd export``: what calls made, as a configuration."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from poller.cli import configuration
from poller.control.export import FILE, ExportError, export
from poller.control.store import StoreError
from poller.settings.load import load
from poller.settings.package import PackageError
from poller.settings.problems import SettingsError

FOLDER = Path("pollerd-export")


def add(parser: argparse.ArgumentParser) -> None:
    """Description and arguments of the verb."""
    parser.description = (
        "Write the functions and mappings that calls of the API made as a configuration: pollerd.yaml, their packages beside it, and a "
        "state folder with what no file can make, published versions and layers with their numbers. What a file cannot say is listed. "
        "Environment variables are written as they are; only who runs this command can read the file."
    )
    parser.add_argument("--output", type=Path, default=FOLDER, metavar="FOLDER", help=f"default: ./{FOLDER}")
    parser.add_argument("--json", action="store_true", help="what was written and what was left out, as JSON")
    parser.add_argument("--config", type=Path, metavar="CONFIG", help="file or folder; default as for run")
    parser.set_defaults(call=call)


def call(given: argparse.Namespace) -> int:
    """0: written, and `pollerd check` accepts it. 1: it could not be written, or cannot be used by itself. 78: no configuration."""
    try:
        settings = load(given.config)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return configuration.UNUSABLE
    try:
        done = export(settings, given.output)
    except (ExportError, PackageError, StoreError) as error:
        print(error, file=sys.stderr)
        return 1
    file, problems = given.output / FILE, []
    try:
        configuration.checked(file)
    except SettingsError as error:
        problems = [str(problem) for problem in error.problems]
    if given.json:
        print(json.dumps({"file": str(file), **dataclasses.asdict(done), "problems": problems}, indent=2))
    else:
        counts = f"{done.functions} functions, {done.mappings} mappings, {done.versions} versions, {done.layers} layers"
        print(f"{file}: {counts}; environment variables included, readable by you alone")
        for sentence in done.left_out:
            print(f"not in the file: {sentence}", file=sys.stderr)
        for problem in problems:
            print(f"cannot be used as it is: {problem}", file=sys.stderr)
    return 1 if problems else 0
