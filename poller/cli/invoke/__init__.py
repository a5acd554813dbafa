"""``pollerd invoke``: one event to a function, by the daemon that runs, or here while none does."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from poller.cli.configuration import asked_of
from poller.cli.daemon import AwayError, Daemon, DeniedError, add_url
from poller.cli.invoke import asked, local
from poller.dispatch.invoker import MAX_PAYLOAD

MISSING = "ResourceNotFoundException"


def add(parser: argparse.ArgumentParser) -> None:
    """Description and arguments of the verb."""
    parser.description = (
        "Invoke a function once: by the daemon of the configuration where it runs, else here. Its answer goes to standard output, "
        "its log to standard error. Exit code 1: it failed, or the daemon does not run it."
    )
    parser.add_argument(
        "function", metavar="FUNCTION", help="name or ARN of the function, as in orders, orders:live, orders:3"
    )
    parser.add_argument("event", nargs="?", default="{}", metavar="EVENT", help="JSON, @FILE, or - for standard input")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--local", action="store_true", help="here, whether a daemon runs or not")
    add_url(where)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--async", dest="kind", action="store_const", const="Event", help="have the daemon accept it, and do not wait"
    )
    kind.add_argument(
        "--dry-run", dest="kind", action="store_const", const="DryRun", help="only ask whether it would be run"
    )
    parser.add_argument(
        "--client-context", default="", metavar="JSON", help="what the function finds as client context"
    )
    parser.add_argument(
        "--json", action="store_true", help="the whole answer: status_code, request_id, function_error, payload, log"
    )
    parser.add_argument("--config", type=Path, metavar="CONFIG", help="file or folder; default as for run")
    parser.set_defaults(call=call, kind="RequestResponse")


def call(given: argparse.Namespace) -> int:
    """0: the function answered. 1: it failed, or was not run. 2: no such function, version or alias, or no JSON."""
    try:
        payload = _event(given.event)
    except (OSError, ValueError) as error:
        print(f"the event cannot be used: {error}", file=sys.stderr)
        return 2
    only_daemon = given.kind != "RequestResponse" or bool(given.client_context) or given.json
    if given.local and only_daemon:
        print("--async, --dry-run, --client-context and --json take a daemon", file=sys.stderr)
        return 2
    return local.run(given, payload) if given.local else _ask(given, payload, here_too=not (given.url or only_daemon))


def _ask(given: argparse.Namespace, payload: bytes, *, here_too: bool) -> int:
    """By the daemon. here_too: where none answers the function may be run here."""
    daemon = Daemon(asked_of(given), given.url)
    try:
        if not given.url:
            daemon.refuse_others()
        return asked.run(daemon, given, payload)
    except DeniedError as error:
        print(error, file=sys.stderr)
        return 2 if error.code == MISSING else 1
    except AwayError as error:
        print(f"{error}; so the function is run here" if here_too else error, file=sys.stderr)
        return local.run(given, payload) if here_too else 1


def _event(text: str) -> bytes:
    raw = sys.stdin.buffer.read() if text == "-" else Path(text[1:]).read_bytes() if text[:1] == "@" else text.encode()
    try:
        json.loads(raw)
    except ValueError as error:
        hint = f"; @{text} reads it from the file" if os.path.isfile(text) else ""  # noqa: PTH113  # takes any text
        raise ValueError(f"this is not JSON: {error}{hint}") from error
    if len(raw) > MAX_PAYLOAD:
        raise ValueError(f"{len(raw)} bytes, {MAX_PAYLOAD} are allowed")
    return raw
