"""How a discarded batch, or the record of an invocation, is written down and called."""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime
from typing import Any

import orjson

from connectors.contract import DeadLetter, Discard, InvocationRecord

MOST_MESSAGE = 1024
"""Bytes of ErrorMessage (Lambda DG, Dead-letter queues: the first 1 KB)."""
_UNSENDABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no message may have (SQS API reference, SendMessage)."""
_NAMESPACE = uuid.UUID("6f1d1b46-6a0e-4b43-9d3c-1b2f6f3f7f05")


def failure(discard: Discard) -> str:
    """The failure record as JSON text."""
    return _json(dict(discard.record)).decode()


def with_payload(discard: Discard, **more: Any) -> bytes:
    """The failure record with the event as a text, and more members, as JSON."""
    return _json({**discard.record, "payload": discard.event.decode(), **more})


def moment(discard: Discard) -> datetime:
    """When it was given up, UTC."""
    return datetime.fromtimestamp(discard.moment, UTC)


def name(discard: Discard) -> str:
    """``YYYY-MM-DDTHH.MM.SS-<UUID>``. The UUID is the same when the same batch is told again, so that it is stored once."""
    identity = _json(
        [discard.mapping, discard.partition, discard.moment, *(record.position for record in discard.records)]
    )
    return f"{moment(discard):%Y-%m-%dT%H.%M.%S}-{uuid.uuid5(_NAMESPACE, identity.decode())}"


def invocation_moment(record: InvocationRecord) -> datetime:
    """When it was known what became of it, UTC."""
    return datetime.fromtimestamp(record.moment, UTC)


def invocation_name(record: InvocationRecord) -> str:
    """``YYYY-MM-DDTHH.MM.SS-<UUID>``; the same each time the same record is told."""
    identity = uuid.uuid5(_NAMESPACE, record.request_id)
    return f"{invocation_moment(record):%Y-%m-%dT%H.%M.%S}-{identity}"


def attributes(letter: DeadLetter) -> dict[str, dict[str, str]]:
    """What a dead letter's message says beside the event (recordings of 2025)."""
    sentence = _UNSENDABLE.sub("?", letter.error_message).encode()[:MOST_MESSAGE].decode(errors="ignore")
    return {
        "RequestID": {"DataType": "String", "StringValue": letter.request_id},
        "ErrorCode": {"DataType": "Number", "StringValue": str(letter.error_code)},
        "ErrorMessage": {"DataType": "String", "StringValue": sentence or "?"},  # none may be empty
    }


def _json(value: Any) -> bytes:
    """Encode whatever there is: a batch that could not be written down would hold up its lane for ever."""
    try:
        return orjson.dumps(value, default=str)
    except TypeError:  # half of a surrogate pair
        return json.dumps(value, default=str, separators=(",", ":")).encode()
