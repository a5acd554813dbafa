"""``pollerd failures``: asynchronous events that were given up, and records that no destination took, as the state file keeps them."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from poller.cli.mappings.named import configuration
from poller.cli.table import show as show_table
from poller.control import failures
from poller.control.store import StoreError
from poller.dispatch.backlog.event import Failure
from poller.envelope.invocation import SUCCESS
from poller.envelope.moments import with_milliseconds

EXAMPLES = """examples:
  pollerd failures ls --function orders
  pollerd failures show 17
  pollerd failures redrive 17 18
  pollerd failures redrive --function orders
"""
LS = "List what is kept, oldest first: events that nobody was to be told of, and what destinations did not take within their time."
SHOW = "Show one, as JSON, with the event as it came and the function's last answer."
REDRIVE = (
    "Try again. An event that failed is accepted anew, with a new request id, and its function runs it; the record of one that succeeded "
    "is delivered again. A running daemon begins within seconds."
)
COLUMNS = ("number", "when", "function", "condition", "runs", "error", "not told")


def add(parser: argparse.ArgumentParser) -> None:
    """Description and arguments of the verb."""
    parser.description = (
        "Asynchronous events that were given up and are kept in the state file, since no destination has them."
    )
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("ls", help=LS.partition(".")[0], description=LS)
    listing.add_argument("--function", default="", metavar="NAME", help="of this function only")
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(call=ls)
    showing = actions.add_parser("show", help=SHOW.partition(".")[0], description=SHOW)
    showing.add_argument("number", type=int, metavar="NUMBER", help="as ls shows it")
    showing.set_defaults(call=show)
    trying = actions.add_parser("redrive", help=REDRIVE.partition(".")[0], description=REDRIVE)
    which = trying.add_mutually_exclusive_group(required=True)
    which.add_argument("numbers", nargs="*", default=[], type=int, metavar="NUMBER", help="as ls shows them")
    which.add_argument("--function", default="", metavar="NAME", help="all of this function")
    which.add_argument("--all", action="store_true", help="all there are")
    trying.set_defaults(call=redrive)
    for action in (listing, showing, trying):
        action.add_argument("--config", type=Path, metavar="CONFIG", help="file or folder; default as for run")


def call(given: argparse.Namespace) -> int:
    """Each action has its own."""
    return int(given.call(given))


def ls(given: argparse.Namespace) -> int:
    """0: listed. 1: the state file cannot serve."""
    try:
        found = failures.listed(_state(given), given.function)
    except StoreError as error:
        return _failed(error)
    if given.json:
        print(json.dumps([_about(failure) for failure in found], indent=2))
    else:
        show_table(COLUMNS, map(_cells, found))
    return 0


def show(given: argparse.Namespace) -> int:
    """0: shown. 1: there is none of that number, or the state file cannot serve."""
    try:
        found = failures.found(_state(given), given.number)
    except StoreError as error:
        return _failed(error)
    if found is None:
        return _failed(f"there is no failure {given.number}")
    response = found.outcome.response
    payloads = {
        "event": found.outcome.payload.decode(errors="replace"),
        "answer": None if response is None else response.decode(errors="replace"),
    }
    print(json.dumps(_about(found) | payloads, indent=2))
    return 0


def redrive(given: argparse.Namespace) -> int:
    """0: done. 1: some of the numbers were not there, or the state file cannot serve."""
    state = _state(given)
    try:
        known = {failure.number: failure for failure in failures.listed(state, given.function)}
        numbers = given.numbers or list(known)
        done = failures.redriven(state, [number for number in numbers if number in known]) if known else []
    except StoreError as error:
        return _failed(error)
    for each in done:
        what = f"accepted as {each.request_id}" if each.request_id else f"to be delivered to {each.failure.target}"
        print(f"{each.failure.number}: {each.failure.outcome.function}: {what}")
    missing = [number for number in given.numbers if number not in known]
    return _failed(f"there is no failure {', '.join(map(str, missing))}") if missing else 0


def _state(given: argparse.Namespace) -> Path:
    return Path(configuration(given).state)


def _failed(why: object) -> int:
    print(why, file=sys.stderr)
    return 1


def _about(failure: Failure) -> dict[str, Any]:
    outcome = failure.outcome
    return {
        "number": failure.number,
        "moment": with_milliseconds(failure.moment),
        "function": outcome.function,
        "qualifier": outcome.qualifier,
        "request_id": outcome.request_id,
        "condition": outcome.condition,
        "runs": outcome.invoke_count,
        "executed_version": outcome.executed_version,
        "error": outcome.error_message,
        "not_told": failure.target or None,
        "why": failure.why or None,
    }


def _cells(failure: Failure) -> tuple[str, ...]:
    outcome = failure.outcome
    name = f"{outcome.function}:{outcome.qualifier}" if outcome.qualifier else outcome.function
    error = "" if outcome.condition == SUCCESS else _short(outcome.error_message)
    told = f"{failure.target}: {_short(failure.why)}" if failure.target else ""
    moment = with_milliseconds(failure.moment)
    return str(failure.number), moment, name, outcome.condition, str(outcome.invoke_count), error, told


def _short(text: str) -> str:
    line = text.partition("\n")[0]
    return f"{line[:77]}..." if len(line) > 80 else line  # noqa: PLR2004  # a line of a table
