"""The record of an outcome as destinations are told it: for a connector, or as an event of a function of ours."""

from __future__ import annotations

from connectors.contract import DeadLetter, InvocationRecord
from poller.dispatch.backlog.event import Event, Outcome
from poller.dispatch.invoker import new_request_id
from poller.envelope.invocation import SUCCESS, invocation_record
from poller.settings.references import function_reference

MOST_BYTES = 1024 * 1024
"""Of an event: an asynchronous invocation takes no more (Lambda quotas; since late 2025)."""
FUNCTION = ":lambda:"


def record(outcome: Outcome) -> InvocationRecord:
    """For a connector."""
    return InvocationRecord(
        function=outcome.function,
        function_arn=outcome.function_arn,
        request_id=outcome.request_id,
        moment=outcome.moment,
        succeeded=outcome.condition == SUCCESS,
        whole=_written(outcome, payloads=True),
        brief=_written(outcome, payloads=False),
        trace_id=outcome.trace_id,
    )


def letter(outcome: Outcome) -> DeadLetter:
    """For a dead-letter target."""
    return DeadLetter(
        function=outcome.function,
        request_id=outcome.request_id,
        event=outcome.payload,
        error_code=outcome.error_code,
        error_message=outcome.error_message,
        trace_id=outcome.trace_id,
    )


def record_event(target: str, outcome: Outcome) -> Event | None:
    """What a function that is the destination gets; None where the target is no function."""
    reference = function_reference(target) if FUNCTION in target else None
    if reference is None:
        return None
    whole = _written(outcome, payloads=True)
    return Event(
        request_id=new_request_id(),
        function=reference.name,
        qualifier=reference.qualifier,
        payload=whole if len(whole) <= MOST_BYTES else _written(outcome, payloads=False),
        trace_id=outcome.trace_id,
        accepted=outcome.moment,
        due=outcome.moment,
    )


def _written(outcome: Outcome, *, payloads: bool) -> bytes:
    return invocation_record(
        request_id=outcome.request_id,
        function_arn=outcome.function_arn,
        condition=outcome.condition,
        invoke_count=outcome.invoke_count,
        moment=outcome.moment,
        executed_version=outcome.executed_version,
        request=outcome.payload if payloads else None,
        response=outcome.response if payloads else None,
    )
