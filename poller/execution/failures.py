"""The answers that the platform gives in a function's place, word for word (recorded in November 2025)."""

from __future__ import annotations

import signal

import orjson


def body(error_type: str, request_id: str, reason: str) -> bytes:
    """The error object."""
    return orjson.dumps({"errorType": error_type, "errorMessage": f"RequestId: {request_id} Error: {reason}"})


def timed_out(request_id: str, seconds: float) -> bytes:
    """The function's timeout ran out."""
    return body("Sandbox.Timedout", request_id, f"Task timed out after {seconds:.2f} seconds")


EXITED = "Runtime.ExitError"
OUT_OF_MEMORY = "Runtime.OutOfMemory"
"""Of a runtime that was killed for its memory: REPORT lines of the service have had it since 2024; the words stay those of any SIGKILL."""


def exited(request_id: str, returncode: int, error_type: str = EXITED) -> bytes:
    """The runtime's process ended. returncode: as waitpid tells it, negative for a signal."""
    if returncode == 0:
        reason = "Runtime exited without providing a reason"
    elif returncode > 0:
        reason = f"Runtime exited with error: exit status {returncode}"
    else:
        reason = f"Runtime exited with error: signal: {_signal(-returncode)}"
    return body(error_type, request_id, reason)


def too_large(limit: int) -> bytes:
    """The answer was past the limit."""
    text = f"Response payload size exceeded maximum allowed payload size ({limit} bytes)."
    return orjson.dumps({"errorMessage": text, "errorType": "Function.ResponseSizeTooLarge"})


def error_type(payload: bytes) -> str:
    """The errorType of an error object that a runtime posted; ``Runtime.Unknown`` where it has none."""
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return "Runtime.Unknown"
    found = value.get("errorType") if isinstance(value, dict) else None
    return found if isinstance(found, str) and found else "Runtime.Unknown"


_WORDS = {signal.SIGKILL: "killed", signal.SIGSEGV: "segmentation fault", signal.SIGTERM: "terminated"}
_WORDS |= {signal.SIGABRT: "aborted", signal.SIGINT: "interrupt", signal.SIGBUS: "bus error"}


def _signal(number: int) -> str:
    try:
        return _WORDS.get(signal.Signals(number), signal.Signals(number).name.lower())
    except ValueError:
        return f"signal {number}"
