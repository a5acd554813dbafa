"""Amazon Kinesis Data Streams, and servers that speak like it: all shards of one stream, read as a standard consumer does.

Each shard is asked once a second, and again without a pause while it has more, five times a second at most (Kinesis quotas); the limit
is the shard's, other consumers of the stream share it. Children of a split or merge are read when all that their parents held is
settled. Checkpoints are the engine's; shards/positions.py has the words.

``Record.metadata`` is the record as GetRecords returns it, without Data: SequenceNumber, PartitionKey, ApproximateArrivalTimestamp (as
the client gives it, a datetime), and EncryptionType where the server tells. The body is the bytes of Data, the partition the shard's id,
id and position the sequence number, the key the partition key. Of an aggregate's records the position says which one it is.

Permissions needed: kinesis:DescribeStreamSummary, ListShards, GetShardIterator, GetRecords.

Enhanced fan-out is not offered: a consumer's ARN is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.aws import client as aws_client
from connectors.aws.arn import parse_arn
from connectors.aws.options import AwsOptions
from connectors.aws.service import AwsService, said, time_of
from connectors.contract import Capabilities, Identity, Missing, OptionsError, Record, SourceError
from connectors.kinesis.aggregate import Inner, KeyRange, lies_in, unpack
from connectors.shards.lineage import Shard
from connectors.shards.positions import AT_TIMESTAMP, LATEST, TRIM_HORIZON, is_sequence_number, middle_of, moment_of
from connectors.shards.reading import ExpiredIteratorError, Pace, Page, Shards, TrimmedError
from connectors.shards.source import ShardSource

LARGEST_PAGE = 10_000  # records of one GetRecords (Kinesis API, GetRecords)
READ_SECONDS = 0.2  # five reads a second and shard (Kinesis quotas)
FORM = "arn:aws:kinesis:REGION:ACCOUNT:stream/NAME"
ALL_KEYS: KeyRange = (0, 2**128 - 1)
UNKNOWN_NUMBER = frozenset({"InvalidArgumentException", "ValidationException"})
"""Codes of GetShardIterator for a sequence number that the shard never had: the stream was made anew, say."""


CAPABILITIES = Capabilities(
    envelope="kinesis",
    ordered=True,
    max_fetch=LARGEST_PAGE,
    default_batch_size=100,
    stream=True,
    starting_positions=(TRIM_HORIZON, LATEST, AT_TIMESTAMP),
    keyed=True,
    timed=True,
)


@dataclass(frozen=True, kw_only=True)
class KinesisOptions(AwsOptions):
    """One stream."""

    stream: str = field(metadata={"example": "clicks"})
    """Name or ARN of the stream. An ARN may name a stream of another account."""
    poll_seconds: float = field(default=1.0, metadata={"minimum": READ_SECONDS, "maximum": 60})
    """Seconds between two reads of a shard that had nothing new; Lambda's own is 1. While records come, there is no pause."""
    kpl_deaggregation: bool = False
    """Whether records that the Kinesis Producer Library has packed into one are delivered one by one. False: as they are, like Lambda
    does for a stream."""


@dataclass(frozen=True)
class StreamName:
    """What a stream was called in the options. arn, region: "" for a name."""

    name: str
    arn: str = ""
    region: str = ""

    @property
    def request(self) -> dict[str, str]:
        """How requests say which stream."""
        return {"StreamARN": self.arn} if self.arn else {"StreamName": self.name}


def parse_stream(text: str) -> StreamName:
    """Read a name or an ARN. Raises ``OptionsError``."""
    if not text.startswith("arn:"):
        return StreamName(_checked(text))
    arn = parse_arn(text, "kinesis", option="stream", what="a Kinesis stream", form=FORM)
    kind, _, name = arn.resource.partition("/")
    if kind != "stream":
        raise OptionsError("stream", f"{text!r} is not the ARN of a Kinesis stream: {FORM}")
    if "/consumer/" in name:
        stream = text.partition("/consumer/")[0]
        raise OptionsError(
            "stream", f"consumers with enhanced fan-out are not supported: name the stream itself, {stream}"
        )
    return StreamName(_checked(name), arn=text, region=arn.region)


def _checked(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", name):
        wanted = "1 to 128 letters, digits, hyphens, underscores and dots"
        raise OptionsError("stream", f"{name!r} cannot be the name of a stream: {wanted}")
    return name


class KinesisSource(ShardSource):
    """One stream."""

    Options = KinesisOptions

    def __init__(self, options: KinesisOptions) -> None:
        self._stream = parse_stream(options.stream)
        target = aws_client.resolve(options, "kinesis", region=self._stream.region)
        self._service = AwsService(target, f"stream {self._stream.name}")
        super().__init__([self._service], Pace(idle=options.poll_seconds, busy=READ_SECONDS), LARGEST_PAGE)
        self._shards = _StreamShards(self._service, self._stream.request, unpacks=options.kpl_deaggregation)

    @property
    def capabilities(self) -> Capabilities:
        """Of a standard consumer."""
        return CAPABILITIES

    async def _look_up(self) -> tuple[Identity, Shards]:
        """Find the stream's ARN."""
        answer = await self._service.ask("describe_stream_summary", **self._stream.request)
        summary = self._service.given(answer, "StreamDescriptionSummary", "Kinesis")
        if summary.get("StreamStatus") == "CREATING":
            raise Missing(f"{self._service.target.server} is still making stream {self._stream.name}")
        arn = str(self._service.given(summary, "StreamARN", "Kinesis"))
        region, account = [*arn.split(":"), *("" for _ in range(5))][3:5]
        label = f"account {account}, region {region}, stream {self._stream.name}"
        return Identity(arn=arn, region=region, label=label), self._shards


class _StreamShards:
    """The requests of a standard consumer. request: how each says which stream."""

    def __init__(self, service: AwsService, request: Mapping[str, str], *, unpacks: bool) -> None:
        self._service = service
        self._request = request
        self._unpacks = unpacks
        self._keys: dict[str, KeyRange] = {}

    async def listed(self) -> tuple[list[Shard], float]:
        """ListShards, all pages."""
        answer = await self._service.ask("list_shards", **self._request)
        moment = time_of(answer)
        found = list(self._service.given(answer, "Shards", "Kinesis"))
        while token := answer.get("NextToken"):
            answer = await self._service.ask("list_shards", NextToken=token)
            found += self._service.given(answer, "Shards", "Kinesis")
        self._keys = {shard["ShardId"]: _keys_of(shard) for shard in found}
        return [_shard(shard) for shard in found], moment

    async def iterator(self, shard: str, position: str) -> str:
        """GetShardIterator."""
        kind = _iterator_kind(position)
        try:
            answer = await self._service.ask("get_shard_iterator", **self._request, ShardId=shard, **kind)
        except SourceError as error:
            if "StartingSequenceNumber" in kind and await self._is_of_the_number(shard, error):
                raise TrimmedError(str(error)) from error
            raise
        return str(self._service.given(answer, "ShardIterator", "Kinesis"))

    async def page(self, shard: str, iterator: str, limit: int) -> Page:
        """GetRecords."""
        stream = {"StreamARN": self._request["StreamARN"]} if "StreamARN" in self._request else {}
        try:
            answer = await self._service.ask("get_records", ShardIterator=iterator, Limit=limit, **stream)
        except SourceError as error:
            if said(error) == "ExpiredIteratorException":
                raise ExpiredIteratorError(str(error)) from error
            raise
        found = self._service.given(answer, "Records", "Kinesis")
        return Page(
            records=[record for one in found for record in self._records(shard, one)],
            cursor=found[-1]["SequenceNumber"] if found else "",
            iterator=answer.get("NextShardIterator") or "",
            behind=bool(answer.get("MillisBehindLatest")),
        )

    async def _is_of_the_number(self, shard: str, error: SourceError) -> bool:
        """Whether only the sequence number is to blame for an error. Some servers (kinesis-mock) call a number missing, like a shard."""
        if not isinstance(error, Missing):
            return said(error) in UNKNOWN_NUMBER
        try:
            await self.iterator(shard, TRIM_HORIZON)
        except Missing:
            return False
        return True

    def _records(self, shard: str, found: Mapping[str, Any]) -> list[Record]:
        """One record, or those packed into it."""
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


def _iterator_kind(position: str) -> dict[str, Any]:
    """How GetShardIterator says where to begin."""
    moment = moment_of(position)
    if moment is not None:
        return {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": moment}
    if is_sequence_number(position):
        return {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": position}
    number = middle_of(position)
    if number is not None:
        return {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": number}
    return {"ShardIteratorType": position}


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
