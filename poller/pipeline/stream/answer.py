"""The function's answer to a batch of a stream -> how far the batch has come. Pure.

Source of every line: Lambda DG, Handling errors for Kinesis, DynamoDB Streams, Kafka; recordings of 2025 and 2026. Other than with a queue
the lowest identifier is a checkpoint: everything before it is done, it and everything after it come again. And ``[{}]`` is a failure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.contract import Record
from poller.execution.contract import Result
from poller.pipeline.judge import answered, failure, message, named_items


@dataclass(frozen=True, slots=True)
class Answer:
    """count: records, from the first on, that are done. failed: the invocation as a whole; then count is 0. why: for people, or "".

    message: the head of what the function said when it failed.
    state: what a tumbling window's next event is told; None without windows, and when the invocation failed.
    """

    count: int
    failed: bool = False
    why: str = ""
    message: str = ""
    state: Mapping[str, Any] | None = None


def read(result: Result, records: Sequence[Record], *, item_failures: bool, stateful: bool = False) -> Answer:
    """What the answer says. item_failures: ReportBatchItemFailures is on. stateful: in a tumbling window. Never raises."""
    if not result.ok:
        return Answer(0, failed=True, why=failure(result), message=message(result))
    if not (item_failures or stateful):
        return Answer(len(records))
    answer = answered(result.payload)
    if isinstance(answer, str):
        return Answer(0, failed=True, why=answer)
    state = answer.get("state") if stateful else None
    if stateful and not isinstance(state, dict):
        return Answer(0, failed=True, why="the answer has no state, which a tumbling window needs: a JSON object")
    count = _until_first_named(answer, records) if item_failures else len(records)
    if isinstance(count, str):
        return Answer(0, failed=True, why=count)
    why = f"batchItemFailures names record {count + 1} of {len(records)}" if count < len(records) else ""
    return Answer(count, why=why, state=state)


def _until_first_named(answer: dict[str, Any], records: Sequence[Record]) -> int | str:
    """Records before the first that the answer names, or a sentence why it fails the whole batch."""
    named = named_items(answer, identifier)
    if isinstance(named, str):
        return named
    known = [record.id for record in records]
    if unknown := named.difference(known):
        return f"batchItemFailures names {min(unknown)!r}, which is not in the batch"
    return min(map(known.index, named), default=len(known))


def identifier(item: Any) -> str | None:
    """Whom an item names: by a non-empty string, or as Kafka's do by ``{"partition": "t-0", "offset": 100}``. None: nobody."""
    named = item.get("itemIdentifier") if isinstance(item, dict) else None
    match named:
        case str():
            return named or None
        case {"partition": str(partition), "offset": int(offset)} if not isinstance(offset, bool):
            return f"{partition}:{offset}"
        case _:
            return None
