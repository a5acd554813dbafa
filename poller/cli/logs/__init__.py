"""``pollerd logs``: what a function has logged, and what it logs now."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from poller.cli.daemon import AwayError, DeniedError, add_url
from poller.cli.logs.since import moment
from poller.cli.logs.sources import Daemon, Either, Folder, Logged
from poller.cli.mappings.named import configuration
from poller.execution.contract import log_group
from poller.observe.log_store import LogEvent, LogStoreError, MissingError, PatternError, compile_pattern
from poller.settings.model import Settings
from poller.settings.references import function_reference

FOLLOW_SECONDS = 0.5
"""Between two looks."""
OVERLAP = 5_000
"""Milliseconds that each look goes back: of several daemons one may write later what is earlier."""


def add(parser: argparse.ArgumentParser) -> None:
    """Description and arguments of the verb."""
    parser.description = (
        "What a function has logged, oldest first: from the daemon, or where none answers from its state folder."
    )
    parser.add_argument(
        "function", metavar="FUNCTION", help="name of the function, or of a log group: /aws/lambda/orders"
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what it logs from now on, until Ctrl-C")
    help_ = "how far back: 90s, 10m, 2h, 3d, or a time in ISO 8601; default: 10m"
    parser.add_argument("--since", type=moment, default="10m", metavar="TIME", help=help_)
    help_ = 'only events that match: terms, "a phrase", -term, { $.level = "ERROR" } (CloudWatch Logs, filter patterns)'
    parser.add_argument("--filter", default="", metavar="PATTERN", help=help_)
    parser.add_argument("--json", action="store_true", help="a JSON object a line")
    add_url(parser)
    parser.add_argument("--config", type=Path, metavar="CONFIG", help="file or folder; default as for run")
    parser.set_defaults(call=call)


def call(given: argparse.Namespace) -> int:
    """0: shown, or followed until Ctrl-C. 1: it could not be read. 2: nothing has that name, or the pattern is none."""
    settings = configuration(given)
    try:
        source = _source(given, settings)
        for event in _events(source, given.since, follow=given.follow):
            print(_json(event) if given.json else _text(event), flush=given.follow)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:  # who read has seen enough; at its end Python would try once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (MissingError, PatternError) as error:
        off = "" if settings.function_logs.keep or given.url else " No logs are kept (function_logs.keep)."
        print(f"{given.function}: {error}{off}", file=sys.stderr)
        return 2
    except (LogStoreError, AwayError, DeniedError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _source(given: argparse.Namespace, settings: Settings) -> Logged:
    group = _group(given.function, settings)
    folder = Folder(Path(settings.state), group, compile_pattern(given.filter))
    daemon = Daemon(settings, given.url, group, given.filter)
    return daemon if given.url else Either(daemon, folder)


def _group(text: str, settings: Settings) -> str:
    if text.startswith("/"):
        return text
    reference = function_reference(text)
    name = reference.name if reference else text
    function = settings.functions.get(name)
    return (function.logging.log_group if function else None) or log_group(name)


def _events(source: Logged, since: int, *, follow: bool) -> Iterator[LogEvent]:
    """Those there are, and with follow those to come; each once."""
    seen: dict[str, int] = {}
    newest = since
    while True:
        try:
            for event in source.read(max(since, newest - OVERLAP)):
                if event.position.id not in seen:
                    seen[event.position.id] = event.position.timestamp
                    newest = max(newest, event.position.timestamp)
                    yield event
        except MissingError:
            if not follow:  # else it may log its first line yet
                raise
        if not follow:
            return
        seen = {id_: at for id_, at in seen.items() if at >= newest - OVERLAP}
        time.sleep(FOLLOW_SECONDS)


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(event: LogEvent) -> str:
    return f"{_time(event.position.timestamp)} {event.message.rstrip()}"


def _json(event: LogEvent) -> str:
    shown = {
        "timestamp": _time(event.position.timestamp),
        "ingestion_time": _time(event.ingested),
        "log_stream": event.stream,
        "event_id": event.position.id,
        "message": event.message,
    }
    return json.dumps(shown, ensure_ascii=False)
