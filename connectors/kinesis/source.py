"""Amazon Kinesis Data Streams, and servers that speak like it: all shards of one stream.

A standard consumer asks each shard once a second, and again without a pause while it has more, five times a second at most (Kinesis
quotas); the limit is the shard's, other consumers of the stream share it: ``polling.py``. To a registered consumer the server pushes, with
2 MB/s a shard of its own: ``fanout.py``. Children of a split or merge are read when all that their parents held is settled. Checkpoints are
the engine's; shards/positions.py has the words.

``Record.metadata`` is the record as GetRecords returns it, without Data: SequenceNumber, PartitionKey, ApproximateArrivalTimestamp (as
the client gives it, a datetime), and EncryptionType where the server tells. The body is the bytes of Data, the partition the shard's id,
id and position the sequence number, the key the partition key; of an aggregate's records the position says which one it is.

Permissions needed: kinesis:DescribeStreamSummary, ListShards, and GetShardIterator, GetRecords, or with a consumer
DescribeStreamConsumer, SubscribeToShard.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.aws import client as aws_client
from connectors.aws.options import AwsOptions
from connectors.aws.service import AwsService
from connectors.contract import Capabilities, Identity, Missing, Reader
from connectors.kinesis.fanout import PushedShards
from connectors.kinesis.names import parse_consumer, parse_stream
from connectors.kinesis.polling import PolledShards
from connectors.kinesis.records import Records
from connectors.shards.positions import AT_TIMESTAMP, LATEST, TRIM_HORIZON
from connectors.shards.pushed import PushedWalk
from connectors.shards.reading import Pace, Shards
from connectors.shards.source import ShardSource
from connectors.shards.walk import ShardWalk

LARGEST_PAGE = 10_000  # records of one GetRecords (Kinesis API, GetRecords)
READ_SECONDS = 0.2  # five reads a second and shard (Kinesis quotas)


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
    """Name or ARN of the stream. An ARN may name a stream of another account, or one of its consumers."""
    consumer: str = field(default="", metadata={"example": "pollerd"})
    """Name or ARN of a registered consumer: the server pushes to it, with enhanced fan-out. Empty: the shards are polled. Events name the
    consumer then, as Lambda's do."""
    poll_seconds: float = field(default=1.0, metadata={"minimum": READ_SECONDS, "maximum": 60})
    """Seconds between two reads of a shard that had nothing new; Lambda's own is 1. While records come, there is no pause; with a consumer
    nothing is polled."""
    kpl_deaggregation: bool = False
    """Whether records that the Kinesis Producer Library has packed into one are delivered one by one. False: as they are, like Lambda
    does for a stream."""


class KinesisSource(ShardSource):
    """One stream, or one consumer of it."""

    Options = KinesisOptions

    def __init__(self, options: KinesisOptions) -> None:
        self._stream = parse_stream(options.stream)
        consumer = parse_consumer(options.consumer, options.stream)
        target = aws_client.resolve(options, "kinesis", region=self._stream.region)
        self._service = AwsService(target, f"stream {self._stream.name}")
        services = [self._service]
        records = Records(unpacks=options.kpl_deaggregation)
        self._polled = PolledShards(self._service, self._stream.request, records)
        self._pushed: PushedShards | None = None
        if consumer is not None:
            services.append(AwsService(target, f"consumer {consumer.name} of stream {self._stream.name}"))
            self._pushed = PushedShards(consumer, services[-1], self._polled, records)
        super().__init__(services, Pace(idle=options.poll_seconds, busy=READ_SECONDS), LARGEST_PAGE)

    @property
    def capabilities(self) -> Capabilities:
        """The same for both kinds of consumer."""
        return CAPABILITIES

    async def _look_up(self) -> tuple[Identity, Shards]:
        """Find the ARN of the stream, and of its consumer."""
        answer = await self._service.ask("describe_stream_summary", **self._stream.request)
        summary = self._service.given(answer, "StreamDescriptionSummary", "Kinesis")
        if summary.get("StreamStatus") == "CREATING":
            raise Missing(f"{self._service.target.server} is still making stream {self._stream.name}")
        arn = str(self._service.given(summary, "StreamARN", "Kinesis"))
        region, account = [*arn.split(":"), *("" for _ in range(5))][3:5]
        label = f"account {account}, region {region}, stream {self._stream.name}, at {self._service.target.server}"
        if self._pushed is None:
            return Identity(arn=arn, region=region, label=label), self._polled
        consumer = await self._pushed.find(arn)
        return Identity(arn=consumer, region=region, label=f"{label}, consumer {self._pushed.name}"), self._pushed

    def _walk_over(self, found: Shards, reader: Reader) -> ShardWalk:
        """Of shards that are pushed, with a consumer."""
        return PushedWalk(self._pushed, reader, LARGEST_PAGE) if self._pushed else super()._walk_over(found, reader)
