"""The command line: one file per group of verbs; parse, call, print."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from poller import __version__
from poller.cli import check, demo, init, invoke, run, runtimes, schema

VERBS = (run, check, init, invoke, runtimes, schema, demo)

EPILOG = """exit codes:
  0   done; run: stopped and drained
  1   the function failed (invoke), the event does not pass (check --event), the demo did not add up
  2   wrong usage
  69  the HTTP port cannot be opened
  78  the configuration cannot be used; every problem is on standard error, with file, line and column
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of ``pollerd``."""
    parser = argparse.ArgumentParser(
        prog="pollerd",
        description="AWS Lambda event source mappings as a daemon: queues and streams become invocations of functions.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pollerd {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for verb in VERBS:
        verb.add(verbs)
    given = parser.parse_args(arguments)
    sys.exit(given.call(given))
