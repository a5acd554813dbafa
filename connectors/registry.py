"""Name of a source type -> its connector, imported when first used.

A connector is a module attribute ``module:Class``. The class is a dataclass-driven source: ``Class.Options`` is a frozen
dataclass (its fields are the keys under ``source:``), and ``Class(options)`` builds the source without I/O.
Outsiders register under the entry-point group ``pollerd.connectors``; a built-in name cannot be taken over.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol

from connectors.contract import Source

BUILT_IN = {
    "dynamodb-streams": "connectors.dynamodb_streams:DynamodbStreamsSource",
    "kinesis": "connectors.kinesis.source:KinesisSource",
    "kafka": "connectors.kafka.source:KafkaSource",
    "memory": "connectors.memory.queue:MemorySource",
    "memory-stream": "connectors.memory.stream:MemoryStreamSource",
    "redis-list": "connectors.redis.lists:RedisListSource",
    "redis-pubsub": "connectors.redis.pubsub:RedisPubsubSource",
    "redis-stream": "connectors.redis.stream:RedisStreamSource",
    "sqs": "connectors.sqs.source:SqsSource",
}

_EXTRAS = dict.fromkeys(("redis-list", "redis-pubsub", "redis-stream"), "redis")
"""Name -> what to install for it, where that is called otherwise."""

GROUP = "pollerd.connectors"


class Connector(Protocol):
    """What a registered class offers."""

    Options: type[Any]

    def __call__(self, options: Any, /) -> Source:
        """Build the source; raises ``OptionsError`` for options that can never work. No I/O."""
        ...


class UnknownConnectorError(LookupError):
    """No connector of that name is built in or installed."""


class MissingClientError(ImportError):
    """The connector is there, its client library is not; the message names the extra to install."""


def names() -> list[str]:
    """Every source type that can be named in a configuration, sorted."""
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group=GROUP))})


def load(name: str) -> Connector:
    """Return the connector of a source type.

    Raises ``UnknownConnectorError``, or ``MissingClientError`` when importing it fails for want of a library.
    """
    target = BUILT_IN.get(name)
    if target is not None:
        return _import(name, EntryPoint(name, target, GROUP), f"pollerd[{_EXTRAS.get(name, name)}]")
    for point in entry_points(group=GROUP, name=name):
        return _import(name, point, f"what {point.dist.name if point.dist else point.value} asks for")
    raise UnknownConnectorError(f"there is no source type {name!r}; known are {', '.join(names())}")


def _import(name: str, point: EntryPoint, remedy: str) -> Connector:
    try:
        connector: Connector = point.load()
    except ModuleNotFoundError as error:
        raise MissingClientError(f"source type {name!r} needs {error.name}; install {remedy}") from error
    return connector
