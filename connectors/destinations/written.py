"""How a discarded batch is written down and called."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import orjson

from connectors.contract import Discard

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


def _json(value: Any) -> bytes:
    """Encode whatever there is: a batch that could not be written down would hold up its lane for ever."""
    try:
        return orjson.dumps(value, default=str)
    except TypeError:  # half of a surrogate pair
        return json.dumps(value, default=str, separators=(",", ":")).encode()
