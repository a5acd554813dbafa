"""``pollerd health``: whether the daemon of a configuration answers, for whoever starts it anew if not."""

from __future__ import annotations

import argparse
import sys

from poller.cli.configuration import add_argument, asked_of
from poller.cli.daemon import AwayError, Daemon, DeniedError


def add(parser: argparse.ArgumentParser) -> None:
    """Description and arguments of the verb."""
    parser.description = (
        "Ask the daemon of this configuration for /healthz, with the token of its state folder. Nothing is asked of sources: whether they "
        "can be read is in /readyz, and no reason to start the daemon anew."
    )
    add_argument(parser)
    parser.set_defaults(call=call)


def call(given: argparse.Namespace) -> int:
    """0: it answers. 1: it does not; the reason is on standard error."""
    try:
        Daemon(asked_of(given)).greet()
    except (AwayError, DeniedError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0
