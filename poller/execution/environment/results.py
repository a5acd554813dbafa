"""What an invocation comes to, in the service's words. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from poller.execution import failures
from poller.execution.contract import Result, Status
from poller.execution.logs.init import TIMED_OUT
from poller.execution.runtime_api import Answer

Broken = tuple[str, str]
"""How an extension has ended the environment: error type and reason."""
KILLED = -9
"""As a return code: how a process ends that we end."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a runtime's process has ended. code: its return code."""

    code: int
    error_type: str = failures.EXITED


def answered(request_id: str, answer: Answer, duration_ms: float) -> Result:
    """Of an invocation whose runtime has answered."""
    if answer.oversized:
        payload, kind, status = failures.too_large(answer.limit), "Function.ResponseSizeTooLarge", Status.ERROR
    elif answer.truncated:
        payload, kind, status = answer.body, failures.error_type(answer.body), Status.FAILURE
    elif answer.error:
        payload, kind, status = answer.body, failures.error_type(answer.body), Status.ERROR
    else:
        payload, kind, status = answer.body, "", Status.SUCCESS
    return Result(
        request_id=request_id,
        status=status,
        payload=payload,
        error_type=kind,
        duration_ms=duration_ms,
        response_ms=min(duration_ms, answer.seconds * 1000),
        content_type=answer.content_type,
        streamed=answer.streamed,
    )


def unanswered(
    request_id: str, duration_ms: float, *, broken: Broken | None, ended: Ended | None, timeout_seconds: float
) -> Result:
    """What came before an answer: the end of an extension, that of the process which had the event (ended), or the timeout."""
    status = Status.FAILURE
    if broken is not None:
        kind, payload = broken[0], failures.body(broken[0], request_id, broken[1])
    elif ended is not None:
        kind, payload = ended.error_type, failures.exited(request_id, ended.code, ended.error_type)
    else:
        kind, payload = TIMED_OUT, failures.timed_out(request_id, timeout_seconds)
        status = Status.TIMEOUT
    return Result(request_id=request_id, status=status, payload=payload, error_type=kind, duration_ms=duration_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stillborn:
    """Why there is no runtime: its INIT failed. error_type: of the failure. milliseconds: that it took.

    said: the runtime's own words, None if it had none. broken: by an extension. refused: why nothing could be started, or "".
    code: how the runtime's process ended.
    """

    error_type: str
    milliseconds: float
    timeout_seconds: float
    said: bytes | None = None
    broken: Broken | None = None
    refused: str = ""
    code: int = KILLED

    def result(self, request_id: str) -> Result:
        """The answer of an invocation that needed it."""
        status = Status.FAILURE
        if self.error_type == TIMED_OUT:
            status, payload = Status.TIMEOUT, failures.timed_out(request_id, self.timeout_seconds)
        elif self.said is not None:
            status, payload = Status.ERROR, self.said
        elif self.broken is not None:
            payload = failures.body(self.error_type, request_id, self.broken[1])
        elif self.refused:
            payload = failures.body(self.error_type, request_id, self.refused)
        else:
            payload = failures.exited(request_id, self.code, self.error_type)
        return Result(
            request_id=request_id,
            status=status,
            payload=payload,
            error_type=self.error_type,
            duration_ms=self.milliseconds,
        )


def shutdown_reason(failure: str) -> str:
    """Why an environment is reset, in the words of a SHUTDOWN event."""
    return "timeout" if failure == TIMED_OUT else "failure"
