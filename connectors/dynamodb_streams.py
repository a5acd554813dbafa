"""Amazon DynamoDB Streams, and servers that speak like it: all shards of one table's stream.

Each shard is asked four times a second, as often as Lambda does, or less often while it has nothing. Shards end every few hours even
when nobody resizes the table; their children are read when all that they held is settled. A stream keeps records for 24 hours: what is
not read by then is gone. Checkpoints are the engine's; shards/positions.py has the words. More than two readers of a shard get throttled
(DynamoDB DG, Change data capture).

A table's stream that was switched off and on again is another stream: a source that was given the table goes on with the new one when
the old one is read to its end; after a restart it begins with the new one, and what was not read of the old one is left.

``Record.metadata`` is the record as GetRecords returns it: eventID, eventName, eventVersion, eventSource, awsRegion, dynamodb with
Keys, images, SequenceNumber and ApproximateCreationDateTime (as the client gives it, a datetime), userIdentity for what time to live has
removed. Binary values are bytes. The body is empty, the partition the shard's id, id and position the sequence number, the key the JSON
text of the item's Keys. Permissions needed: dynamodb:DescribeStream, GetShardIterator, GetRecords, and DescribeTable unless the stream
itself is named.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.aws import client as aws_client
from connectors.aws.arn import parse_arn
from connectors.aws.options import AwsOptions
from connectors.aws.service import AwsService, said, time_of
from connectors.contract import Capabilities, Identity, Missing, OptionsError, Record, SourceError, Unreachable
from connectors.shards.lineage import Shard
from connectors.shards.positions import LATEST, TRIM_HORIZON, is_sequence_number, moment_of
from connectors.shards.reading import ExpiredIteratorError, Pace, Page, Shards, TrimmedError
from connectors.shards.source import ShardSource

SPEECH = "DynamoDB Streams"
LARGEST_PAGE = 1000  # records of one GetRecords (DynamoDB Streams API, GetRecords)
READ_SECONDS = 0.25
FORM = "arn:aws:dynamodb:REGION:ACCOUNT:table/TABLE/stream/LABEL"

CAPABILITIES = Capabilities(
    envelope="dynamodb",
    ordered=True,
    max_fetch=LARGEST_PAGE,
    default_batch_size=100,
    stream=True,
    starting_positions=(TRIM_HORIZON, LATEST),
    keyed=True,
    timed=True,
)


@dataclass(frozen=True, kw_only=True)
class DynamodbStreamsOptions(AwsOptions):
    """One table's stream."""

    table: str = field(default="", metadata={"example": "orders", "unless": "stream"})
    """Name of the table; its latest stream is read. Either this or stream."""
    stream: str = field(
        default="",
        metadata={"example": "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2026-05-11T21:21:33.291"},
    )
    """ARN of the stream. Either this or table."""
    poll_seconds: float = field(default=READ_SECONDS, metadata={"minimum": READ_SECONDS, "maximum": 60})
    """Seconds between two reads of a shard that had nothing new; Lambda's own is 0.25. While records come it is that."""


@dataclass(frozen=True)
class StreamName:
    """What a stream was called in the options. arn, region: "" for a table's name."""

    table: str
    arn: str = ""
    region: str = ""


def parse_stream(options: DynamodbStreamsOptions) -> StreamName:
    """Read a table's name or a stream's ARN. Raises ``OptionsError``."""
    if options.table and options.stream:
        raise OptionsError("stream", "the table is named already: leave one of the two out")
    if not options.table and not options.stream:
        raise OptionsError("table", "name the table, or its stream by ARN")
    if options.table:
        return StreamName(_checked("table", options.table))
    arn = parse_arn(options.stream, "dynamodb", option="stream", what="a table's stream", form=FORM)
    kind, table, word, label = [*arn.resource.split("/", 3), "", "", ""][:4]
    if (kind, word) != ("table", "stream") or not label:
        raise OptionsError("stream", f"{options.stream!r} is not the ARN of a table's stream: {FORM}")
    return StreamName(_checked("stream", table), arn=options.stream, region=arn.region)


def _checked(option: str, table: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{3,255}", table):
        wanted = "3 to 255 letters, digits, hyphens, underscores and dots"
        raise OptionsError(option, f"{table!r} cannot be the name of a table: {wanted}")
    return table


class DynamodbStreamsSource(ShardSource):
    """One table's stream."""

    Options = DynamodbStreamsOptions

    def __init__(self, options: DynamodbStreamsOptions) -> None:
        self._stream = parse_stream(options)
        self._arn = ""
        self._service = self._client_of("dynamodbstreams", options)
        services = [self._service]
        if not self._stream.arn:
            self._tables = self._client_of("dynamodb", options)
            services.append(self._tables)
        super().__init__(services, Pace(idle=options.poll_seconds, busy=READ_SECONDS), LARGEST_PAGE)

    @property
    def capabilities(self) -> Capabilities:
        """The service cannot begin at a moment."""
        return CAPABILITIES

    async def fetch(self, room: int, wait_seconds: float) -> list[Record]:
        """As any, and notice when the table has another stream by now."""
        try:
            records = await super().fetch(room, wait_seconds)
            if not records and self._walking().is_over and await self._latest() != self._arn:
                raise Unreachable(f"table {self._stream.table} has a new stream, and the old one is read to its end")
        except Missing as error:
            if self._stream.arn:
                raise
            raise Unreachable(f"the stream of table {self._stream.table} has gone: looking for its latest") from error
        return records

    async def _latest(self) -> str:
        """ARN of the stream to be read now. Raises ``SourceError``."""
        if self._stream.arn:
            return self._stream.arn
        table = self._stream.table
        answer = await self._tables.ask("describe_table", TableName=table)
        found = self._tables.given(answer, "Table", "DynamoDB")
        if not found.get("LatestStreamArn"):
            raise Missing(f"table {table} has no stream: switch it on (StreamSpecification, StreamEnabled)")
        return str(found["LatestStreamArn"])

    async def _look_up(self) -> tuple[Identity, Shards]:
        self._arn = arn = await self._latest()
        region, account = [*arn.split(":"), *("" for _ in range(5))][3:5]
        label = f"account {account}, region {region}, stream of table {self._stream.table}, at {self._service.target.server}"
        return Identity(arn=arn, region=region, label=label), _StreamShards(self._service, arn)

    def _client_of(self, service: str, options: AwsOptions) -> AwsService:
        target = aws_client.resolve(options, service, region=self._stream.region)
        return AwsService(
            target, f"table {self._stream.table}" if service == "dynamodb" else f"stream of table {self._stream.table}"
        )


class _StreamShards:
    """The requests about one stream."""

    def __init__(self, service: AwsService, arn: str) -> None:
        self._service = service
        self._arn = arn
        self._since: dict[str, float] = {}
        """Shards read from their oldest record, for what came at a moment or later: the service has no such iterator."""

    async def listed(self) -> tuple[list[Shard], float]:
        """DescribeStream, all pages."""
        found: list[Mapping[str, Any]] = []
        more: dict[str, str] = {}
        while True:
            answer = await self._service.ask("describe_stream", StreamArn=self._arn, **more)
            stream = self._service.given(answer, "StreamDescription", SPEECH)
            found += stream.get("Shards", [])
            if not stream.get("LastEvaluatedShardId"):
                return [_shard(shard) for shard in found], time_of(answer)
            more = {"ExclusiveStartShardId": stream["LastEvaluatedShardId"]}

    async def iterator(self, shard: str, position: str) -> str:
        """GetShardIterator."""
        moment = moment_of(position)
        if moment is not None:
            self._since[shard] = moment
            position = TRIM_HORIZON
        where = {"ShardIteratorType": position}
        if is_sequence_number(position):
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": position}
        try:
            answer = await self._service.ask("get_shard_iterator", StreamArn=self._arn, ShardId=shard, **where)
        except SourceError as error:
            raise _named(error) from error
        return str(self._service.given(answer, "ShardIterator", SPEECH))

    async def page(self, shard: str, iterator: str, limit: int) -> Page:
        """GetRecords."""
        try:
            answer = await self._service.ask("get_records", ShardIterator=iterator, Limit=limit)
        except SourceError as error:
            raise _named(error) from error
        found = self._service.given(answer, "Records", SPEECH)
        records = [_record(shard, one) for one in found]
        since = self._since.get(shard, 0.0)
        return Page(
            records=[record for record in records if (record.arrived or 0.0) >= since],
            cursor=records[-1].position if records else "",
            iterator=answer.get("NextShardIterator") or "",
        )


def _named(error: SourceError) -> SourceError:
    """Tell a lost iterator and lost records from other errors."""
    names = {"ExpiredIteratorException": ExpiredIteratorError, "TrimmedDataAccessException": TrimmedError}
    kind = names.get(said(error))
    return kind(str(error)) if kind else error


def _shard(found: Mapping[str, Any]) -> Shard:
    parent = found.get("ParentShardId")
    closed = "EndingSequenceNumber" in found.get("SequenceNumberRange", {})
    return Shard(found["ShardId"], (parent,) if parent else (), closed=closed)


def _record(shard: str, found: Mapping[str, Any]) -> Record:
    change = found["dynamodb"]
    number = change["SequenceNumber"]
    return Record(
        id=number,
        body=b"",
        lane=shard,
        metadata=found,
        handle=number,
        partition=shard,
        position=number,
        key=json.dumps(change["Keys"], sort_keys=True, separators=(",", ":"), default=_base64),
        arrived=change["ApproximateCreationDateTime"].timestamp(),
    )


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
