"""Functions: their invocations and environments."""

from __future__ import annotations

from poller.observe import events as e
from poller.observe.metrics.plain import Made
from poller.observe.metrics.stage import SECONDS, On

KINDS = {
    "Sandbox.Timedout": "timeout",
    "Runtime.ExitError": "exit",
    "Runtime.OutOfMemory": "memory",
    "Function.ResponseSizeTooLarge": "response",
    "Runtime.InvalidEntrypoint": "start",
    "Runtime.InvalidWorkingDir": "start",
    "Extension.Crash": "extension",
    "Extension.ExitError": "extension",
    "Extension.InitError": "extension",
    "Extension.LaunchError": "extension",
}
"""Error types of the platform; a handler may call its own what it likes."""
MEGABYTE = 1024 * 1024


def kind_of(status: str, error_type: str) -> str:
    """Whose error it was, in one of a few words: handler (raised, or could not be loaded), a word of KINDS, or failure."""
    if status == "timeout":
        return "timeout"
    return KINDS.get(error_type, "handler" if status == "error" else "failure")


def stage(made: Made) -> On:
    """The metrics of this stage, made."""
    text = "Invocations by end: success, error, timeout, failure (the process ended, or broke the protocol)."
    ended = made.counter("invocations", text, "function", "status", aws="Invocations (all), Errors (all but success)")
    text = (
        "Failed invocations by kind: handler, timeout, exit, memory, response (too large), start, extension, failure."
    )
    failed = made.counter("invocation_errors", text, "function", "kind", aws="Errors")
    took = made.histogram("invocation_seconds", "Duration of invocations.", "function", bounds=SECONDS, aws="Duration")
    asked = made.counter("invocation_request_bytes", "Bytes of events handed to functions.", "function")
    said = made.counter("invocation_response_bytes", "Bytes of functions' answers, streamed ones included.", "function")
    text = "The most memory that an environment of the function was seen to use."
    memory = made.gauge("invocation_memory_max_bytes", text, "function", aws="max_memory_used (Lambda Insights)")
    text = "Invocations refused for want of a slot, by who asked: api, url. Mappings wait instead."
    throttled = made.counter("throttles", text, "function", "caller", aws="Throttles")
    cold = made.counter("cold_starts", "Invocations that started an environment.", "function")
    text = "Time that invocations stood in line until an environment was free or started."
    waits = made.histogram("environment_wait_seconds", text, "function", bounds=SECONDS)
    placed = made.counter(
        "provisioned_invocations",
        "Invocations of functions with provisioned concurrency, by where: provisioned, spillover.",
        "function",
        "where",
        aws="ProvisionedConcurrencyInvocations, ProvisionedConcurrencySpilloverInvocations",
    )
    init = made.histogram("init_seconds", "Duration of INIT.", "function", bounds=SECONDS, aws="Init Duration (REPORT)")
    stillborn = made.counter("init_errors", "INITs ahead of events that failed, by kind as above.", "function", "kind")
    text = "Environments that ended, by reason: idle, drain, recycle (old), cut, died, reset, init, defect."
    gone = made.counter("environments_stopped", text, "function", "reason")
    text = "Invocations that a function's own server elsewhere did not take."
    remote = made.counter("remote_errors", text, "function", "kind")

    def on_invoked(fact: e.InvocationEnded) -> None:
        function = fact.function
        ended.add(function, fact.status)
        took.observe(function, size=fact.seconds, trace=_sampled(fact.trace_id))
        asked.add(function, by=fact.request_bytes)
        said.add(function, by=fact.response_bytes)
        if fact.max_memory_mb is not None:
            memory.rise(function, to=fact.max_memory_mb * MEGABYTE)
        if fact.cold:
            cold.add(function)
        if fact.status != "success":
            failed.add(function, kind_of(fact.status, fact.error_type))

    def on_started(fact: e.EnvironmentStarted) -> None:
        init.observe(fact.function, size=fact.init_seconds)
        if fact.error_type:
            stillborn.add(fact.function, kind_of("error", fact.error_type))

    def on_placed(fact: e.InvocationPlaced) -> None:
        placed.add(fact.function, "provisioned" if fact.provisioned else "spillover")

    return {
        e.InvocationEnded: on_invoked,
        e.InvocationThrottled: lambda fact: throttled.add(fact.function, fact.caller),
        e.EnvironmentStarted: on_started,
        e.EnvironmentStopped: lambda fact: gone.add(fact.function, fact.reason),
        e.EnvironmentAwaited: lambda fact: waits.observe(fact.function, size=fact.seconds),
        e.InvocationPlaced: on_placed,
        e.RemoteFailedError: lambda fact: remote.add(fact.function, fact.kind),
    }


def _sampled(trace_id: str) -> str:
    """The trace's id as OpenTelemetry has it, if it is sampled; else ""."""
    if "Sampled=1" not in trace_id:
        return ""
    root = trace_id.partition("Root=1-")[2][:33]
    return root.replace("-", "")
