"""``pollerd mappings set`` and ``delete``: of mappings that calls made, by the running daemon."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

from poller.cli.configuration import asked_of
from poller.cli.daemon import AwayError, Daemon, DeniedError
from poller.control.api.mappings.fields import OF_STREAMS, PLAIN
from poller.control.api.mappings.mappings import uuid_of_filed
from poller.settings.problems import nearest

SET = (
    "Change keys of a mapping that a call made, on the running daemon: it finishes what it began and goes on from there. Keys are those of "
    "a configuration file, values JSON, or texts that are none. A mapping of a file is changed in its file."
)
DELETE = "Delete a mapping that a call made, on the running daemon: it finishes what it began. One of a file is deleted in its file."
PATH = "/2015-03-31/event-source-mappings/"
MISSING = "ResourceNotFoundException"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FIXED = frozenset({"StartingPosition", "StartingPositionTimestamp"})
_MEMBERS = {key: member for member, key in (PLAIN | OF_STREAMS).items() if member not in _FIXED} | {
    "function": "FunctionName"
}
_SHAPED: dict[str, Callable[[Any], dict[str, Any]]] = {
    "filter_criteria": lambda value: {"FilterCriteria": {"Filters": [{"Pattern": _pattern(each)} for each in value]}},
    "maximum_concurrency": lambda value: {
        "ScalingConfig": {} if value is None else {"MaximumConcurrency": value},
    },
    "destination_config": lambda value: {
        "DestinationConfig": {"OnFailure": {"Destination": value["on_failure"]["destination"]}} if value else {}
    },
}
"""Keys whose value has another shape there; null or empty takes the key away."""


class AssignmentError(Exception):
    """What was given is no change of a mapping. The message is a sentence."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Those of ``set``."""
    help_ = """e.g. batch_size=50, enabled=false, function=orders:live, 'filter_criteria=[{"body": {"status": ["paid"]}}]'"""
    parser.add_argument("assignments", nargs="+", metavar="KEY=VALUE", help=help_)


def change(given: argparse.Namespace) -> int:
    """0: it is so. 1: not, and why. 2: no such mapping or key."""
    try:
        wanted = members(given.assignments)
    except AssignmentError as error:
        print(error, file=sys.stderr)
        return 2
    return _do(given, "PUT", wanted)


def delete(given: argparse.Namespace) -> int:
    """0: it is gone. 1: not, and why. 2: no such mapping."""
    return _do(given, "DELETE", None)


def members(assignments: Iterable[str]) -> dict[str, Any]:
    """Members of UpdateEventSourceMapping, of ``key=value`` as in a configuration file. Raises AssignmentError."""
    found: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise AssignmentError(f"{assignment!r} is no KEY=VALUE")
        value = _value(text)
        if key in _MEMBERS:
            found[_MEMBERS[key]] = value
        elif key in _SHAPED:
            try:
                found |= _SHAPED[key](value)
            except (KeyError, TypeError) as error:
                raise AssignmentError(f"{text!r} is no value of {key} as it stands in a configuration file") from error
        elif key in {OF_STREAMS[member] for member in _FIXED}:
            raise AssignmentError(f"{key} counts when a mapping begins; `pollerd mappings rewind` sends it elsewhere")
        else:
            raise AssignmentError(f"{key} is no key that can be changed; {nearest(key, [*_MEMBERS, *_SHAPED])}")
    return found


def _do(given: argparse.Namespace, method: str, body: dict[str, Any] | None) -> int:
    try:
        answer = _asked(Daemon(asked_of(given), given.url), given.mapping, method, body)
    except (AwayError, DeniedError) as error:
        missing = isinstance(error, DeniedError) and error.code == MISSING
        print(f"there is no mapping {given.mapping!r}" if missing else error, file=sys.stderr)
        return 2 if missing else 1
    print(json.dumps(answer, indent=2) if given.json else f"{given.mapping}: {answer['State']}")
    return 0


def _asked(daemon: Daemon, name: str, method: str, body: dict[str, Any] | None) -> dict[str, Any]:
    """A mapping that a call made is called by its UUID; one of a file has another, and the daemon says then which file that is."""
    if _UUID.fullmatch(name):
        try:
            return daemon.json(method, PATH + name, body)
        except DeniedError as error:
            if error.code != MISSING:
                raise
    return daemon.json(method, PATH + uuid_of_filed(name), body)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _pattern(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
