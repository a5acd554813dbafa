"""ruby3.x: Ruby with the gem aws_lambda_ric."""

from __future__ import annotations

from poller.execution.contract import FunctionSpec
from poller.execution.runtimes.managed import Seen
from poller.execution.runtimes.search_path import joined, layers

BOOTSTRAP = "bootstrap.rb"


def start(seen: Seen, _: FunctionSpec) -> tuple[tuple[str, ...], dict[str, str]]:
    """The client reads the handler from _HANDLER. Gems of the package (vendor/bundle), of layers, then of the runtime."""
    task, opt, runtime = seen.places.task.inside, layers(seen.places), seen.runtime
    abi = f"{seen.version}.0"
    gems = [f"{task}/vendor/bundle/ruby/{abi}", opt and f"{opt}/ruby/gems/{abi}", runtime, f"{runtime}/ruby/{abi}"]
    variables = {
        "GEM_HOME": runtime,
        "GEM_PATH": joined(gems),
        "RUBYLIB": joined([task, f"{runtime}/lib", opt and f"{opt}/ruby/lib"]),
    }
    return (seen.interpreter, f"{runtime}/{BOOTSTRAP}"), variables
