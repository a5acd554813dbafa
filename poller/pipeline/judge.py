"""The function's answer to a batch -> what becomes of each record. Pure.

Source of every line: Lambda DG, Handling errors for an SQS event source, and recordings of the service made in 2025 and 2026.
Without ReportBatchItemFailures the body of an answer is ignored; only whether the invocation succeeded counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.contract import Outcome, Record, Settlement
from poller.execution.contract import Result, Status

MESSAGE_HEAD = 200
"""Characters of an error message that are told to operators; all of it is in the function's log."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One settlement a record, in the batch's order. why: a sentence for people when anything failed, else ""."""

    settlements: list[Settlement]
    why: str = ""

    @property
    def failed(self) -> int:
        """Records that will come again."""
        return sum(settlement.outcome is Outcome.RETRY for settlement in self.settlements)

    @property
    def name(self) -> str:
        """delivered: all; failed: none; partial: some."""
        failed = self.failed
        return "delivered" if not failed else "failed" if failed == len(self.settlements) else "partial"


def judge(result: Result, records: Sequence[Record], *, item_failures: bool) -> Verdict:
    """What the answer means for each record. item_failures: ReportBatchItemFailures is on. Never raises."""
    if not result.ok:
        return _all(records, Outcome.RETRY, failure(result))
    if not item_failures:
        return _all(records, Outcome.DELIVERED)
    answer = answered(result.payload)
    named = answer if isinstance(answer, str) else named_items(answer, identifier)
    if isinstance(named, str):
        return _all(records, Outcome.RETRY, named)
    unknown = named - {record.id for record in records}
    if unknown:
        return _all(records, Outcome.RETRY, f"batchItemFailures names {min(unknown)!r}, which is not in the batch")
    return Verdict(
        [Settlement(record, Outcome.RETRY if record.id in named else Outcome.DELIVERED) for record in records],
        f"batchItemFailures names {len(named)} of {len(records)} records" if named else "",
    )


def answered(payload: bytes) -> dict[str, Any] | str:
    """The answer as an object, an empty one when it says nothing; or a sentence why it fails the whole batch."""
    try:
        answer = orjson.loads(payload) if payload else None
    except orjson.JSONDecodeError:
        return "the answer is not JSON"
    if answer in (None, ""):
        return {}
    return answer if isinstance(answer, dict) else f"the answer is a JSON {_kind(answer)}, not an object"


def named_items(answer: dict[str, Any], identify: Callable[[Any], str | None]) -> set[str] | str:
    """Identifiers that a partial batch response names, or a sentence why it fails the whole batch.

    identify: an item -> whom it names; "" when it may be passed over, None when it makes no sense.
    """
    items = answer.get("batchItemFailures")
    if not isinstance(items, (list, type(None))):
        return f"batchItemFailures is a JSON {_kind(items)}, not a list"
    named = {identify(item) for item in items or ()}
    if None in named:
        return "an item of batchItemFailures has no itemIdentifier as this source's records have it"
    return {name for name in named if name}


def identifier(item: Any) -> str | None:
    """Whom an item names: by a non-empty string. ``{}`` is passed over: the service acknowledges it natively, contrary to its guide."""
    named = item.get("itemIdentifier") if isinstance(item, dict) else None
    if isinstance(named, str) and named:
        return named
    return "" if item == {} else None


def released(records: Sequence[Record]) -> list[Settlement]:
    """Settlements of records that were not run to an answer: given back at once."""
    return [Settlement(record, Outcome.RELEASED) for record in records]


def _all(records: Sequence[Record], outcome: Outcome, why: str = "") -> Verdict:
    return Verdict([Settlement(record, outcome) for record in records], why)


def failure(result: Result) -> str:
    """A failed invocation, for people."""
    words = {Status.TIMEOUT: "the function timed out", Status.FAILURE: "the function's process failed"}
    text = words.get(result.status, "the function raised")
    return f"{text}: {result.error_type}" if result.error_type else text


def message(result: Result) -> str:
    """The head of what a failed invocation said; "" when it said nothing, or did not fail."""
    if result.ok:
        return ""
    try:
        said = orjson.loads(result.payload)
    except orjson.JSONDecodeError:
        return ""
    text = said.get("errorMessage") if isinstance(said, dict) else None
    return text[:MESSAGE_HEAD] if isinstance(text, str) else ""


def _kind(value: object) -> str:
    return {dict: "object", list: "list", str: "string", bool: "boolean", type(None): "null"}.get(type(value), "number")
