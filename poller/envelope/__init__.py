"""AWS event shapes: a batch of records in, the exact event out. Pure.

A source has a shape of its own, which filters and failure records go by whatever its events look like. Others read the records of that
source alone (``sns``: notifications that come through SQS), those of some that AWS does not know (``kinesis``: Redis streams), or those of
any (``raw``, ``cloudevents``).
"""

from __future__ import annotations

from collections.abc import Callable

from connectors.contract import Identity
from poller.envelope.borrowed import BorrowedEnvelope
from poller.envelope.cloudevents import CloudEventsEnvelope
from poller.envelope.content import Content
from poller.envelope.contract import Envelope
from poller.envelope.dynamodb import DynamoDbEnvelope
from poller.envelope.kafka import KafkaEnvelope
from poller.envelope.kinesis import KinesisEnvelope
from poller.envelope.plain import PlainEnvelope
from poller.envelope.raw import RawEnvelope
from poller.envelope.redis_list import RedisListEnvelope
from poller.envelope.redis_pubsub import RedisPubsubEnvelope
from poller.envelope.redis_stream import RedisStreamEnvelope
from poller.envelope.sns import SnsEnvelope
from poller.envelope.sqs import SqsEnvelope

_SHAPES: dict[str, Callable[..., Envelope]] = {
    "dynamodb": DynamoDbEnvelope,
    "kafka": KafkaEnvelope,
    "kinesis": KinesisEnvelope,
    "redis-list": RedisListEnvelope,
    "redis-pubsub": RedisPubsubEnvelope,
    "redis-stream": RedisStreamEnvelope,
    "sns": SnsEnvelope,
    "sqs": SqsEnvelope,
}
_OF_ANY = ("cloudevents", "raw")
_BORROWED = {"redis-list": ("sqs",), "redis-pubsub": ("sns", "sqs"), "redis-stream": ("kinesis",)}
"""Source's own shape -> those of other services whose events its records fit."""
_BESIDE = {"sqs": ("sns",)}
"""Source's own shape -> others that read its records."""

_NOWHERE = Identity("", "", "")

__all__ = ["Content", "Envelope", "content", "envelope", "names", "offered", "tumbling"]


def names() -> list[str]:
    """Every envelope there is, sorted."""
    return sorted({*_SHAPES, *_OF_ANY})


def offered(source: str) -> list[str]:
    """Envelopes that a mapping may name whose source's own is ``source``, sorted."""
    own = [source] if source in _SHAPES else []
    return sorted([*own, *_BORROWED.get(source, ()), *_BESIDE.get(source, ()), *_OF_ANY])


def tumbling(name: str) -> bool:
    """Whether events of that envelope have a place for the state of a tumbling window."""
    return name in _SHAPES and _SHAPES[name](_NOWHERE, window=False).tumbling


def content(source: str) -> Content:
    """Where filters find what is in the records of a source."""
    return _own(source, _NOWHERE, window=False).content


def envelope(name: str, identity: Identity, *, window: bool, source: str = "") -> Envelope:
    """The envelope of that name for one source.

    window: whether the mapping has a batching window. source: the source's own shape (``Capabilities.envelope``); "": that of the name, if
    it is one. Raises KeyError for what is not ``offered``: check first.
    """
    source = source or name
    if name not in offered(source):
        raise KeyError(name)
    if name == "raw":
        return RawEnvelope(_own(source, identity, window=window))
    if name == "cloudevents":
        return CloudEventsEnvelope(_own(source, identity, window=window), source, identity)
    if name in _BORROWED.get(source, ()):
        return BorrowedEnvelope(_own(source, identity, window=window), _SHAPES[name](identity, window=window))
    return _SHAPES[name](identity, window=window)


def _own(source: str, identity: Identity, *, window: bool) -> Envelope:
    """A source's own shape; that of one whose records come as raw or as CloudEvents in any case is the plain one."""
    return _SHAPES[source](identity, window=window) if source in _SHAPES else PlainEnvelope()
