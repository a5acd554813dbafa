"""Discarded batches as the engine hands them to a destination, made of the failure records that AWS writes."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from connectors.contract import Discard
from tests.fakes import stream_records

GOLDEN = Path(__file__).parents[1] / "golden/events/esm-destination"


def load(name: str) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text())
    return shown


def discard(name: str, mapping: str = "orders") -> Discard:
    """The batch that the record of that name tells of; records are there where it has the event."""
    shown = load(name)
    event = shown.pop("payload", "{}")
    [info] = [value for key, value in shown.items() if key.endswith("BatchInfo")]
    partition = info["shardId"] if "shardId" in info else next(iter(info["recordsInfo"]))
    records = list(stream_records.fetched(json.loads(event)))
    moment = datetime.fromisoformat(shown["timestamp"]).timestamp()
    return Discard(
        mapping=mapping, partition=partition, moment=moment, record=shown, event=event.encode(), records=records
    )
