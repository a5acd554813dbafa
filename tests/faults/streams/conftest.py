"""A scene for each kind of stream: ``make()`` on the server that all tests share, ``make(private=True)`` on one to be disturbed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests import kafka_server, redis_servers, servers
from tests.cache import CACHE
from tests.conftest import running
from tests.faults.conftest import recorder
from tests.faults.streams.scene import StreamScene
from tests.faults.streams.sources import DynamoTable, KafkaTopic, KinesisStream, RedisStream, Stream

LANES = 3
"""Shards or partitions of a stream, at most."""


class Make(Protocol):
    """Makes the scene of a test."""

    def __call__(self, *, private: bool = False) -> StreamScene: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """How to get at one kind of stream. fixture: of the shared server. private: starts another one. stream: on a server."""

    fixture: str
    private: Callable[[Path], Any]
    stream: Callable[[Any], Stream]


KINDS = {
    "kinesis": Kind("ministack", servers.ministack, lambda server: KinesisStream(server.url)),
    "dynamodb-streams": Kind("ministack", servers.ministack, lambda server: DynamoTable(server.url)),
    "redis-stream": Kind("redis", redis_servers.redis, lambda server: RedisStream(server.port)),
    "kafka": Kind("kafka", lambda folder: kafka_server.kafka(folder, CACHE), KafkaTopic),
}

RESHARDING = replace(KINDS["kinesis"], fixture="kinesis_mock")
"""MiniStack forgets a shard with its records when it is split."""


@pytest.fixture(scope="session", params=KINDS)
def shared(request: pytest.FixtureRequest) -> tuple[Kind, Any]:
    """The kinds of stream one after another, each with the server that all its tests share."""
    kind = request.param if isinstance(request.param, Kind) else KINDS[request.param]
    return kind, request.getfixturevalue(kind.fixture)


@pytest.fixture
def make(
    request: pytest.FixtureRequest,
    shared: tuple[Kind, Any],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Make]:
    """Makes the scene of a test."""
    kind, of_all = shared
    with contextlib.ExitStack() as ending:

        def make(*, private: bool = False) -> StreamScene:
            if private:
                folder = tmp_path_factory.mktemp("private")
                server = ending.enter_context(contextlib.contextmanager(running)(lambda: kind.private(folder)))
            else:
                server = of_all
            scene = StreamScene(tmp_path, server, recorder(request), kind.stream(server))
            ending.callback(scene.close)
            return scene

        yield make
