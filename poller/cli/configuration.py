"""What the verbs share: the argument that names a configuration, and reading it or saying all that is wrong with it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from poller.control import preflight
from poller.execution.process import ProcessDriver
from poller.observe.events import Emit
from poller.settings.load import load
from poller.settings.model import Settings
from poller.settings.problems import SettingsError

UNUSABLE = 78
"""Exit code (sysexits.h: EX_CONFIG)."""


def add_argument(parser: argparse.ArgumentParser) -> None:
    """The positional argument CONFIG."""
    text = "file or folder; default: ./pollerd.yaml, then /etc/pollerd/pollerd.yaml"
    parser.add_argument("config", nargs="?", type=Path, metavar="CONFIG", help=text)


def read(path: Path | None) -> Settings:
    """The configuration, fit to run on this host. Else every problem goes to standard error, and the program ends with 78."""
    try:
        return load(
            path, [lambda settings: preflight.runnable(settings, driver(settings, _nowhere)), preflight.filters]
        )
    except SettingsError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        count = len(error.problems)
        print(f"the configuration cannot be used: {count} problem{'s' * (count > 1)}", file=sys.stderr)
        sys.exit(UNUSABLE)


def driver(settings: Settings, emit: Emit) -> ProcessDriver:
    """What runs the functions of a configuration."""
    return ProcessDriver(Path(settings.state), emit, settings.sandbox)


def _nowhere(_: object) -> None:
    """For checks, which have nothing to tell."""
