"""nodejsXX.x: Node with aws-lambda-ric and version 3 of the SDK."""

from __future__ import annotations

from poller.execution.contract import FunctionSpec
from poller.execution.runtimes.managed import Seen
from poller.execution.runtimes.search_path import joined, layers

HEAP_SHARE = 0.9
"""Of the function's memory; V8 would take it from the host's."""


def start(seen: Seen, spec: FunctionSpec) -> tuple[tuple[str, ...], dict[str, str]]:
    """The client reads the handler from _HANDLER. node_path.mjs lets ``import`` look where ``require`` does, as on AWS."""
    opt = layers(seen.places)
    argv = (
        seen.interpreter,
        f"--max-old-space-size={int(spec.memory_mb * HEAP_SHARE)}",
        f"--import={seen.runtime}/node_path.mjs",
        f"{seen.runtime}/index.mjs",
    )
    number = seen.version.partition(".")[0]
    of_layers = [f"{opt}/nodejs/node{number}/node_modules", f"{opt}/nodejs/node_modules"] if opt else []
    path = joined([*of_layers, f"{seen.runtime}/node_modules", seen.runtime, seen.places.task.inside])
    return argv, {"NODE_PATH": path}
