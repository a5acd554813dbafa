"""What AWS refuses in its own words, before our checks of a configuration have their say. Pure.

Source: recorded texts, event source mappings, validation errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from poller.control.api.mappings.fields import OF_STREAMS
from poller.control.api.refusals import invalid

FETCH = 10
"""Messages of one receive: a larger batch needs a window to fill in."""


def check(params: Mapping[str, Any], document: Mapping[str, Any], *, new: bool) -> None:
    """Raises ApiError. document: as the request leaves the mapping. new: it is being made."""
    kind = document["source"]["type"]
    if kind == "sqs":
        for member in (*OF_STREAMS, "DestinationConfig"):
            if params.get(member):
                raise invalid(f"Unsupported {member} parameter for given event source mapping type.")
        _check_queue(document)
    elif new and kind in {"kinesis", "dynamodb-streams"}:
        _check_start(document)


def _check_queue(document: Mapping[str, Any]) -> None:
    fifo = str(document["source"]["queue"]).endswith(".fifo")
    size, window = document.get("batch_size") or 0, document.get("maximum_batching_window_seconds") or 0
    if fifo and window:
        raise invalid("Batching window is not supported for FIFO queues")
    if fifo and size > FETCH:
        raise invalid("Batch size must not exceed 10 for FIFO queues")
    if size > FETCH and not window:
        raise invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")


def _check_start(document: Mapping[str, Any]) -> None:
    start = document.get("starting_position")
    if start is None:
        raise invalid(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null."
        )
    if start == "AT_TIMESTAMP" and document["source"]["type"] == "dynamodb-streams":
        raise invalid(f"Unsupported starting position for arn type: {document['source']['stream']}")
