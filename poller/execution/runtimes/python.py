"""python3.x: CPython with awslambdaric and boto3."""

from __future__ import annotations

from poller.execution.contract import FunctionSpec
from poller.execution.runtimes.managed import Seen
from poller.execution.runtimes.search_path import layers

BOOTSTRAP = "bootstrap.py"


def start(seen: Seen, spec: FunctionSpec) -> tuple[tuple[str, ...], dict[str, str]]:
    """Without ``site``: what the host has installed for its own use is not on the path. bootstrap.py orders the rest as AWS does."""
    argv = (seen.interpreter, "-S", f"{seen.runtime}/{BOOTSTRAP}", spec.handler, layers(seen.places))
    variables = {"PYTHONPATH": seen.runtime}
    if tuple(map(int, seen.version.split("."))) >= (3, 12):
        variables["LC_CTYPE"] = "C.UTF-8"
    return argv, variables
