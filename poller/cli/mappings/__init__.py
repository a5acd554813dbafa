"""``pollerd mappings``: what mappings do and how far they have come; pausing them, and sending them elsewhere in their streams."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from poller.cli.daemon import add_url
from poller.cli.mappings import change, explain, log, ls, rewind, switch

EXAMPLES = """examples:
  pollerd mappings ls
  pollerd mappings rewind clicks --to TRIM_HORIZON --why "a table was lost"
  pollerd mappings rewind clicks --to 2026-11-01T09:30:00Z --partition shardId-000000000003
  pollerd mappings log clicks
  pollerd mappings set 6a1f8a5e-0a39-4d6f-8f57-0c1f2d3e4b5a batch_size=50 enabled=false
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Description and arguments of the verb."""
    parser.description = (
        "Event source mappings, as the daemon of this configuration has them, or as they stand in its state file."
    )
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    _action(actions, "ls", ls.TEXT, ls.call, named=False)
    _action(actions, "explain", explain.TEXT, explain.call)
    _action(actions, "log", log.TEXT, log.call)
    rewind.arguments(_action(actions, "rewind", rewind.TEXT, rewind.call))
    change.arguments(_action(actions, "set", change.SET, change.change))
    _action(actions, "delete", change.DELETE, change.delete)
    _action(actions, "pause", switch.PAUSE, switch.pause)
    _action(actions, "resume", switch.RESUME, switch.resume)


def call(given: argparse.Namespace) -> int:
    """Each action has its own."""
    return int(given.call(given))


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    text: str,
    call: Callable[[argparse.Namespace], int],
    *,
    named: bool = True,
) -> argparse.ArgumentParser:
    action = actions.add_parser(name, help=text.partition(".")[0], description=text)
    if named:
        action.add_argument("mapping", metavar="NAME", help="name of the mapping")
    action.add_argument("--json", action="store_true", help="as JSON")
    action.add_argument("--config", type=Path, metavar="CONFIG", help="file or folder; default as for run")
    add_url(action)
    action.set_defaults(call=call)
    return action
