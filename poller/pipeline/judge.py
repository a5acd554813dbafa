"""The function's answer to a batch -> what becomes of each record. Pure.

Source of every line: Lambda DG, Handling errors for an SQS event source, and recordings of the service made in 2025 and 2026.
Without ReportBatchItemFailures the body of an answer is ignored; only whether the invocation succeeded counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from connectors.contract import Outcome, Record, Settlement
from poller.execution.contract import Result, Status


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
        return _all(records, Outcome.RETRY, _failure(result))
    if not item_failures:
        return _all(records, Outcome.DELIVERED)
    named = failed_items(result.payload)
    if isinstance(named, str):
        return _all(records, Outcome.RETRY, named)
    unknown = named - {record.id for record in records}
    if unknown:
        return _all(records, Outcome.RETRY, f"batchItemFailures names {min(unknown)!r}, which is not in the batch")
    return Verdict(
        [Settlement(record, Outcome.RETRY if record.id in named else Outcome.DELIVERED) for record in records],
        f"batchItemFailures names {len(named)} of {len(records)} records" if named else "",
    )


def failed_items(payload: bytes) -> set[str] | str:
    """Identifiers that a partial batch response names, or a sentence why the answer fails the whole batch.

    An empty object as an item is passed over: the service acknowledges ``[{}]`` natively, contrary to its guide.
    """
    try:
        answer = orjson.loads(payload) if payload else None
    except orjson.JSONDecodeError:
        return "the answer is not JSON"
    if answer in (None, ""):
        return set()
    if not isinstance(answer, dict):
        return f"the answer is a JSON {_kind(answer)}, not an object"
    items = answer.get("batchItemFailures")
    if not isinstance(items, (list, type(None))):
        return f"batchItemFailures is a JSON {_kind(items)}, not a list"
    named = set()
    for item in items or ():
        identifier = item.get("itemIdentifier") if isinstance(item, dict) else None
        if isinstance(identifier, str) and identifier:
            named.add(identifier)
        elif item != {}:
            return "an item of batchItemFailures has no itemIdentifier that is a non-empty string"
    return named


def released(records: Sequence[Record]) -> list[Settlement]:
    """Settlements of records that were not run to an answer: given back at once."""
    return [Settlement(record, Outcome.RELEASED) for record in records]


def _all(records: Sequence[Record], outcome: Outcome, why: str = "") -> Verdict:
    return Verdict([Settlement(record, outcome) for record in records], why)


def _failure(result: Result) -> str:
    words = {Status.TIMEOUT: "the function timed out", Status.FAILURE: "the function's process failed"}
    text = words.get(result.status, "the function raised")
    return f"{text}: {result.error_type}" if result.error_type else text


def _kind(value: object) -> str:
    return {dict: "object", list: "list", str: "string", bool: "boolean", type(None): "null"}.get(type(value), "number")
