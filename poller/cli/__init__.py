"""The command line: one module per verb, imported when it is asked for; parse, call, print.

A verb's module has ``add(parser)``: its description and arguments, and ``call``, which is given what was parsed and returns the exit code.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import keyword
import sys
from collections.abc import Sequence
from types import ModuleType

from poller import __version__
from poller.cli.stop_signals import STOP_SIGNALS

VERBS = {
    "run": "run the daemon",
    "check": "check a configuration, or an event against filters",
    "reload": "have the daemon read its configuration again",
    "init": "write a configuration and a handler to begin with",
    "health": "whether the daemon answers",
    "invoke": "invoke a function of a configuration once",
    "ps": "show what a running daemon has and does",
    "logs": "show and follow what a function logs",
    "publish": "publish a version of a function",
    "versions": "list or delete versions of a function",
    "mappings": "list, pause and rewind event source mappings, and see what they do",
    "top": "watch what a running daemon does",
    "failures": "list, show and redrive asynchronous events that were given up",
    "export": "write what calls of the API made as a configuration",
    "import": "write what a SAM or CloudFormation template means as a configuration",
    "runtimes": "list the runtimes of this host, or build one",
    "schema": "print the JSON Schema of the configuration",
    "demo": "see it work, in a minute, with nothing else installed",
}
"""Name of the verb -> what the list of verbs says."""

EPILOG = """exit codes:
  0   done; run: stopped and drained
  1   the function failed (invoke), nothing could be published or deleted, the event does not pass (check --event),
      a source or function does not work (check --connect), a mapping was not moved or paused, a log could not be read, there is no
      such failure, no daemon answers (health), the configuration was refused (reload), the demo did not add up
  2   wrong usage
  69  the HTTP port cannot be opened
  78  the configuration cannot be used; every problem is on standard error, with file, line and column
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of ``pollerd``."""
    arguments = sys.argv[1:] if arguments is None else arguments
    asked = next((argument for argument in arguments if not argument.startswith("-")), "")
    with STOP_SIGNALS if asked == "run" else contextlib.nullcontext():
        given = _parser(asked).parse_args(arguments)
        code = given.call(given)
    sys.exit(code)


def module(verb: str) -> ModuleType:
    """Its module, of the same name; one that Python keeps for itself has ``_`` behind it."""
    return importlib.import_module(f"poller.cli.{verb}{'_' * keyword.iskeyword(verb)}")


def _parser(asked: str) -> argparse.ArgumentParser:
    """All verbs by name, and the arguments of the one that is asked for."""
    parser = argparse.ArgumentParser(
        prog="pollerd",
        description="AWS Lambda event source mappings as a daemon: queues and streams become invocations of functions.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pollerd {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for name, text in VERBS.items():
        verb = verbs.add_parser(name, help=text)
        if name == asked:
            module(name).add(verb)
    return parser
