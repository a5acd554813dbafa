"""Records as connectors of streams fetch them, put together again from the events that AWS makes of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from connectors.contract import Identity, Record


def kinesis(shown: dict[str, Any]) -> Record:
    inner = shown["kinesis"]
    shard, _, number = shown["eventID"].partition(":")
    metadata = {"SequenceNumber": number, "PartitionKey": inner["partitionKey"]}
    return Record(
        id=number,
        body=base64.b64decode(inner["data"]),
        lane=shard,
        partition=shard,
        position=number,
        key=inner["partitionKey"],
        arrived=inner["approximateArrivalTimestamp"],
        metadata=metadata | {"EncryptionType": inner.get("encryptionType", "NONE")},
    )


def dynamodb(shown: dict[str, Any], shard: str = "shardId-0") -> Record:
    inner = shown["dynamodb"]
    number, moment = inner["SequenceNumber"], inner["ApproximateCreationDateTime"]
    images = {
        name: {k: _as_client(v) for k, v in inner[name].items()}
        for name in inner
        if name in {"Keys", "NewImage", "OldImage"}
    }
    metadata = {name: shown[name] for name in ("eventID", "eventName", "eventVersion", "eventSource", "awsRegion")}
    metadata["dynamodb"] = inner | images | {"ApproximateCreationDateTime": datetime.fromtimestamp(moment, UTC)}
    if identity := shown.get("userIdentity"):
        metadata["userIdentity"] = {"PrincipalId": identity["principalId"], "Type": identity["type"]}
    key = json.dumps(inner["Keys"], sort_keys=True)
    return Record(
        id=number, body=b"", lane=shard, partition=shard, position=number, key=key, arrived=moment, metadata=metadata
    )


def kafka(shown: dict[str, Any]) -> Record:
    partition = f"{shown['topic']}-{shown['partition']}"
    key = shown.get("key")
    metadata = {k: v for k, v in shown.items() if k not in {"key", "value", "headers"}}
    metadata["key"] = None if key is None else base64.b64decode(key)
    metadata["headers"] = [(k, bytes(b % 256 for b in v)) for pair in shown["headers"] for k, v in pair.items()]
    if shown.get("value") is None:
        metadata["tombstone"] = True
    return Record(
        id=f"{partition}:{shown['offset']}",
        body=base64.b64decode(shown.get("value") or ""),
        lane=partition,
        partition=partition,
        position=str(shown["offset"]),
        key=metadata["key"],
        arrived=shown["timestamp"] / 1000,
        metadata=metadata,
    )


def fetched(event: dict[str, Any]) -> Iterator[Record]:
    """All records of an event of any of the three sources."""
    for shown in event.get("Records", ()):
        yield kinesis(shown) if "kinesis" in shown else dynamodb(shown, event.get("shardId", "shardId-0"))
    for partition in event.get("records", {}).values():
        yield from map(kafka, partition)


def identity(event: dict[str, Any]) -> Identity:
    """Whose records these are."""
    first: dict[str, Any] = next(iter(event.get("Records", ())), {})
    arn = event.get("eventSourceArn") or event.get("eventSourceARN") or first.get("eventSourceARN", "")
    details = {"bootstrapServers": event["bootstrapServers"]} if "bootstrapServers" in event else {}
    return Identity(arn, first.get("awsRegion", ""), "", details=details)


def _as_client(value: Any) -> Any:
    """An attribute value as botocore has it: bytes where the event has base64."""
    [(kind, held)] = value.items()
    if kind == "B":
        held = base64.b64decode(held)
    elif kind == "BS":
        held = [base64.b64decode(each) for each in held]
    elif kind == "M":
        held = {name: _as_client(each) for name, each in held.items()}
    elif kind == "L":
        held = [_as_client(each) for each in held]
    return {kind: held}
