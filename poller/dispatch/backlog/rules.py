"""What becomes of an event before a run and after it. Pure; times are epoch seconds.

Sources: Lambda DG, How Lambda handles errors and retries with asynchronous invocation; recordings of 2025. An event's age is looked at when
a run of it is about to be scheduled, not when its time is up: with a maximum of 60 s and a minute until the first retry there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

import orjson

from poller.aio.backoff import Backoff
from poller.dispatch.backlog.event import Event, EventInvokeConfig
from poller.envelope.invocation import (
    EVENT_AGE_EXCEEDED,
    RECURSIVE_INVOCATION,
    RETRIES_EXHAUSTED,
    SUCCESS,
    ZERO_RESERVED_CONCURRENCY,
)
from poller.execution.contract import Result

REFUSALS = Backoff(first=1.0, cap=300.0)
"""Seconds between two looks whether an event can be run that nobody could run."""
THROTTLED = "Rate Exceeded."
LOOP = "The event was part of a recursive loop: the function stands in its own chain of invocations too often."


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """To be run again, not before ``due``. attempts, refusals: from now on. why: for people."""

    due: float
    attempts: int
    refusals: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """Over. result: of the last run, if it is known. invoke_count: runs. code, message: what a dead-letter target is told."""

    condition: str
    result: Result | None
    invoke_count: int
    code: int = HTTPStatus.OK
    message: str = ""


Verdict = Again | Final


def before(event: Event, config: EventInvokeConfig, now: float) -> Final | None:
    """What becomes of an event whose turn it is; None: run it."""
    if not config.runs:
        return Final(
            condition=ZERO_RESERVED_CONCURRENCY,
            result=None,
            invoke_count=event.attempts,
            code=HTTPStatus.TOO_MANY_REQUESTS,
            message=THROTTLED,
        )
    return _too_old(event, "") if now - event.accepted > config.maximum_event_age_seconds else None


def looped(event: Event) -> Final:
    """It stands in its own chain too often."""
    code = HTTPStatus.BAD_REQUEST
    return Final(condition=RECURSIVE_INVOCATION, result=None, invoke_count=event.attempts, code=code, message=LOOP)


def after(event: Event, config: EventInvokeConfig, result: Result, now: float, delays: Sequence[float]) -> Verdict:
    """What becomes of an event that was run. delays: seconds before the first retry, the second, ...; the last counts for all further."""
    if not result.taken:
        return refused(event, config, sentence(result), now, REFUSALS.delay(event.refusals + 1))
    attempts = event.attempts + 1
    if result.ok:
        return Final(condition=SUCCESS, result=result, invoke_count=attempts)
    message = sentence(result)
    if attempts > config.maximum_retry_attempts:
        return Final(condition=RETRIES_EXHAUSTED, result=result, invoke_count=attempts, message=message)
    delay = delays[min(attempts, len(delays)) - 1]
    if now - event.accepted + delay >= config.maximum_event_age_seconds:
        return Final(condition=EVENT_AGE_EXCEEDED, result=result, invoke_count=attempts, message=message)
    return Again(due=now + delay, attempts=attempts, refusals=event.refusals, why=message)


def refused(event: Event, config: EventInvokeConfig, why: str, now: float, delay: float) -> Verdict:
    """What becomes of an event that nobody could run, which is no attempt. delay: seconds until the next look."""
    if now - event.accepted + delay >= config.maximum_event_age_seconds:
        return _too_old(event, why)
    return Again(due=now + delay, attempts=event.attempts, refusals=event.refusals + 1, why=why)


def sentence(result: Result) -> str:
    """What a function's error says."""
    try:
        error = orjson.loads(result.payload)
    except orjson.JSONDecodeError:
        error = None
    message = error.get("errorMessage") if isinstance(error, dict) else None
    return message if isinstance(message, str) and message else result.error_type


def _too_old(event: Event, why: str) -> Final:
    """Without a run that ended: it waited for its turn, or for somebody who could run it."""
    code = HTTPStatus.INTERNAL_SERVER_ERROR if why else HTTPStatus.TOO_MANY_REQUESTS
    return Final(
        condition=EVENT_AGE_EXCEEDED,
        result=None,
        invoke_count=event.attempts,
        code=code,
        message=why or THROTTLED,
    )
