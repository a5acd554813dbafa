"""``pollerd ps``: what a running daemon has and does."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from poller.cli.configuration import asked_of
from poller.cli.daemon import AwayError, Daemon, DeniedError, add_url
from poller.cli.table import show

FUNCTIONS = ("function", "from", "busy", "idle", "starting", "waiting", "slots", "provisioned", "last invocation")
MAPPINGS = ("mapping", "from", "state", "function", "in hand", "lag", "last progress")


def add(parser: argparse.ArgumentParser) -> None:
    """Description and arguments of the verb."""
    parser.description = (
        "What a running daemon has and does: functions with the environments of each version, mappings, asynchronous events. "
        "Exit code 1: no daemon answers, or it does not tell."
    )
    parser.add_argument("--json", action="store_true", help="all that it tells, as JSON")
    add_url(parser)
    parser.add_argument("--config", type=Path, metavar="CONFIG", help="file or folder; default as for run")
    parser.set_defaults(call=call)


def call(given: argparse.Namespace) -> int:
    """0: shown. 1: not, and why."""
    settings = asked_of(given)
    try:
        told = Daemon(settings, given.url).status()
    except (AwayError, DeniedError) as error:
        print(error, file=sys.stderr)
        return 1
    if given.json:
        print(json.dumps(told, indent=2))
        return 0
    now = datetime.now(UTC)
    print("\n".join(_about(told)))
    show(FUNCTIONS, [row for function in told["functions"] for row in _function(function, now)])
    show(MAPPINGS, [_mapping(mapping, now) for mapping in told["mappings"]])
    for line in _troubles(told):
        print(line, file=sys.stderr)
    return 0


def _about(told: dict[str, Any]) -> Iterator[str]:
    about, slots, later = told["daemon"], told["concurrency"], told["asynchronous"]
    up = timedelta(seconds=int(about["uptime_seconds"]))
    yield f"pollerd {about['version']} at {about['url']}: {about['state']}, up {up}, process {about['pid']}"
    yield f"configuration: {about['configuration']}, state folder: {about['state_folder']}"
    yield f"slots: {slots['in_use']} of {slots['limit']} in use, {slots['waiting']} invocations wait"
    waiting, untold = sum(later["waiting"].values()), sum(later["deliveries_waiting"].values())
    yield f"asynchronous: {waiting} events wait or run, {untold} deliveries wait"


def _function(function: dict[str, Any], now: datetime) -> Iterator[tuple[str, ...]]:
    """A row a version; slots are the function's, and stand in the first."""
    name, slots = function["function"], function.get("slots", {})
    if "versions" not in function:
        yield name, function["origin"], "", "", "", "", "", "", "cannot be used"
    for at, version in enumerate(function.get("versions", ())):
        environments, provisioned = version["environments"], version.get("provisioned")
        last = version.get("last_invocation")
        yield (
            name if at == 0 else f"{name}:{version['version']}{_aliases(function, version['version'])}",
            function["origin"] if at == 0 else "",
            *(str(environments[kind]) for kind in ("busy", "idle", "starting")),
            str(version["waiting"] + (slots["waiting"] if at == 0 else 0)),
            f"{slots['in_use']} of {slots['limit']}" if at == 0 else "",
            f"{provisioned['allocated']} of {provisioned['requested']}" if provisioned else "",
            f"{last['status']} {_ago(last['ended'], now)}" if last else "",
        )


def _aliases(function: dict[str, Any], version: str) -> str:
    names = [name for name, shares in function["aliases"].items() if version in shares]
    return f" ({', '.join(names)})" if names else ""


def _mapping(mapping: dict[str, Any], now: datetime) -> tuple[str, ...]:
    progress = mapping.get("last_progress")
    return (
        mapping["mapping"],
        mapping["origin"],
        mapping["state"],
        mapping["function"],
        str(mapping.get("records_in_hand", "")),
        str(mapping.get("lag", "")),
        _ago(progress, now) if progress else "",
    )


def _ago(moment: str, now: datetime) -> str:
    seconds = max(0, int((now - datetime.fromisoformat(moment)).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length}{unit} ago"
    return f"{seconds}s ago"


def _troubles(told: dict[str, Any]) -> Iterator[str]:
    for function in told["functions"]:
        if trouble := function.get("trouble"):
            yield f"{function['function']}: {trouble}"
    for mapping in told["mappings"]:
        if trouble := mapping.get("trouble") or mapping.get("warning"):
            yield f"{mapping['mapping']}: {trouble}"
