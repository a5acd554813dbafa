"""What functions log, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass

from poller.observe.events.fact import Fact


@dataclass(slots=True, kw_only=True)
class FunctionLogged(Fact):
    """One record of an environment's log: the platform's own (START, END, REPORT, INIT_REPORT), or output of the function or an extension.

    request_id: "" outside an invocation. line: without its last newline, of several lines where the runtime's client says that they
    belong together; undecodable bytes replaced. platform: in the function's log format, text or a JSON object.
    log_group, log_stream: as the function finds them in its variables.
    """

    function: str
    log_group: str
    log_stream: str
    request_id: str
    line: str
    platform: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStoreFailedError(Fact):
    """Events of logs could not be stored; they wait, up to a limit, and are stored later. retry_seconds: when that is tried again."""

    message: str
    retry_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LogShippingFailedError(Fact):
    """Events of logs could not be sent to CloudWatch Logs; they wait, up to a limit. retry_seconds: when that is tried again."""

    kind: str
    message: str
    retry_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEventsDropped(Fact):
    """Events of logs that are missing, and will be. place: store, or shipping. why: a sentence."""

    place: str
    count: int
    why: str
