"""What Kinesis sends -> ``Record``: one for each, or with ``unpacks`` one for each that the producer library has packed into it.

The same whether a shard is polled or pushed: GetRecords and SubscribeToShard word their records alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connectors.contract import Record
from connectors.kinesis.aggregate import Inner, KeyRange, lies_in, unpack
from connectors.shards.lineage import Shard

ALL_KEYS: KeyRange = (0, 2**128 - 1)


class Records:
    """Of one stream. unpacks: aggregates come one by one; those whose hash key belongs to another shard are left out."""

    def __init__(self, *, unpacks: bool) -> None:
        self._unpacks = unpacks
        self._keys: dict[str, KeyRange] = {}

    def listed(self, found: Sequence[Mapping[str, Any]]) -> list[Shard]:
        """Shards as ListShards words them; their hash keys are remembered."""
        self._keys = {shard["ShardId"]: _keys_of(shard) for shard in found}
        return [_shard(shard) for shard in found]

    def of(self, shard: str, found: Iterable[Mapping[str, Any]]) -> list[Record]:
        """All records of one answer, in order."""
        return [record for one in found for record in self._unpacked(shard, one)]

    def _unpacked(self, shard: str, found: Mapping[str, Any]) -> list[Record]:
        inner = unpack(found["Data"]) if self._unpacks else None
        if inner is None:
            return [_record(shard, found)]
        keys = self._keys.get(shard, ALL_KEYS)
        ours = [(number, one) for number, one in enumerate(inner) if lies_in(one, keys)]
        return [_packed(shard, found, number, one, last=number == ours[-1][0]) for number, one in ours]


def _shard(found: Mapping[str, Any]) -> Shard:
    parents = (found.get("ParentShardId"), found.get("AdjacentParentShardId"))
    return Shard(
        found["ShardId"],
        tuple(parent for parent in parents if parent),
        closed="EndingSequenceNumber" in found.get("SequenceNumberRange", {}),
    )


def _keys_of(found: Mapping[str, Any]) -> KeyRange:
    keys = found.get("HashKeyRange", {})
    return int(keys.get("StartingHashKey", ALL_KEYS[0])), int(keys.get("EndingHashKey", ALL_KEYS[1]))


def _record(shard: str, found: Mapping[str, Any]) -> Record:
    number = found["SequenceNumber"]
    return Record(
        id=number,
        body=found["Data"],
        lane=shard,
        metadata={key: value for key, value in found.items() if key != "Data"},
        handle=number,
        partition=shard,
        position=number,
        key=found["PartitionKey"],
        arrived=found["ApproximateArrivalTimestamp"].timestamp(),
    )


def _packed(shard: str, found: Mapping[str, Any], number: int, inner: Inner, *, last: bool) -> Record:
    """A user record of an aggregate: one id for all of them, as Lambda has it; the last one's settlement is behind the aggregate."""
    record = _record(shard, found)
    record.position = f"{record.position}.{number}"
    record.handle = record.handle if last else record.position
    record.body = inner.data
    record.key = inner.partition_key
    record.metadata = {**record.metadata, "PartitionKey": inner.partition_key, "SubSequenceNumber": number}
    return record
