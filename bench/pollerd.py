"""Our daemon as a program: a configuration, ``pollerd run``, readiness, stop."""

from __future__ import annotations

import contextlib
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.programs import Program, free_port, running, until
from bench.sqs_server import KEYS, REGION
from poller.execution.sandbox.isolation import unavailable

FUNCTION = Path(__file__).with_name("function")
RUNTIME = f"python3.{sys.version_info.minor}"
READY_SECONDS = 90.0


def configuration(
    folder: Path, endpoint: str, mappings: Mapping[str, Mapping[str, Any]], tally: Path, *, pause: float = 0
) -> dict[str, Any]:
    """The counting function under the name ``work``, fed by these mappings (name -> its block without ``function``).

    endpoint: of AWS services; "" where no source is one. pause: seconds that the function takes for a batch.
    """
    return {
        "state": str(folder / "state"),
        "http": {"listen": f"127.0.0.1:{free_port()}"},
        "aws": {"region": REGION, "endpoint_url": endpoint},
        "functions": {
            "work": {
                "code": str(FUNCTION),
                "runtime": RUNTIME,
                "handler": "app.handler",
                "timeout_seconds": 30,
                **_noting(tally, {"PAUSE": str(pause)} if pause else {}),
            }
        },
        "event_source_mappings": {name: {"function": "work", **block} for name, block in mappings.items()},
    }


def _noting(tally: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """How the function gets at the tally, in a sandbox only through a folder that was given to it; and more of its environment."""
    if unavailable():
        return {"environment": {"TALLY": str(tally), **environment}}
    seen = "/mnt/tally"
    return {
        "environment": {"TALLY": f"{seen}/{tally.name}", **environment},
        "file_system_configs": [{"path": str(tally.parent), "local_mount_path": seen}],
    }


@contextlib.contextmanager
def daemon(folder: Path, settings: Mapping[str, Any]) -> Iterator[Program]:
    """Run it; yields at once, before it is ready."""
    path = folder / "pollerd.json"
    path.write_text(json.dumps(settings))
    command = [str(Path(sys.executable).with_name("pollerd")), "run", str(path)]
    with running(command, log=folder / "daemon.log", env=KEYS) as program:
        yield program


def until_ready(program: Program, settings: Mapping[str, Any]) -> float:
    """Wait for /readyz; returns when, in seconds since the epoch."""
    url = f"http://{settings['http']['listen']}/readyz"
    return until(lambda: _answers(url), "the daemon's start", seconds=READY_SECONDS, program=program)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
