"""AWS event shapes: a batch of records in, the exact event out. Pure."""

from __future__ import annotations

from collections.abc import Callable

from connectors.contract import Identity
from poller.envelope.contract import Envelope
from poller.envelope.dynamodb import DynamoDbEnvelope
from poller.envelope.kafka import KafkaEnvelope
from poller.envelope.kinesis import KinesisEnvelope
from poller.envelope.raw import RawEnvelope
from poller.envelope.sns import SnsEnvelope
from poller.envelope.sqs import SqsEnvelope

_SHAPES: dict[str, Callable[..., Envelope]] = {
    "dynamodb": DynamoDbEnvelope,
    "kafka": KafkaEnvelope,
    "kinesis": KinesisEnvelope,
    "raw": RawEnvelope,
    "sns": SnsEnvelope,
    "sqs": SqsEnvelope,
}

__all__ = ["Envelope", "envelope", "names"]


def names() -> list[str]:
    """Every envelope a mapping may name, sorted."""
    return sorted(_SHAPES)


def envelope(name: str, identity: Identity, *, window: bool) -> Envelope:
    """The envelope of that name for one source. window: whether the mapping has a batching window. Raises KeyError: check first."""
    return _SHAPES[name](identity, window=window)
