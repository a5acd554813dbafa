"""A stream mapping that runs in the background, in virtual time: an in-process stream, functions in the test's own words."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self

from connectors.contract import Settlement, Source, Unsettled
from connectors.memory.stream import MemoryStream, MemoryStreamOptions, MemoryStreamSource, stream
from poller.aio.stop import Stop
from poller.dispatch.slots import Slots
from poller.envelope import envelope
from poller.execution.contract import Result, Status
from poller.observe.events import Fact
from poller.pipeline.stream import StreamMapping, StreamPlan
from tests.fakes.checkpoints import FakeCheckpoints
from tests.fakes.destination import FakeDestination
from tests.fakes.virtual_time import LoopClock

Handler = Callable[["Call"], Awaitable[Any]]


class Call:
    """One invocation: what the function saw. began, ended: loop time."""

    def __init__(self, event: dict[str, Any], request_id: str) -> None:
        self.event = event
        self.request_id = request_id
        self.positions = [record["kinesis"]["sequenceNumber"] for record in event["Records"]]
        self.partition = event["Records"][0]["eventID"].split(":")[0] if event["Records"] else event["shardId"]
        self.began = asyncio.get_running_loop().time()
        self.ended: float | None = None
        self.failed = False

    @property
    def numbers(self) -> list[int]:
        return [int(position) for position in self.positions]


class Functions:
    """The front door: an answer that is a Status is a failed invocation, anything else the function's JSON."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.calls: list[Call] = []

    async def invoke(self, target: str, payload: bytes, *, request_id: str = "") -> Result:
        call = Call(json.loads(payload), request_id)
        self.calls.append(call)
        answer = await self.handler(call)
        call.ended = asyncio.get_running_loop().time()
        call.failed = isinstance(answer, Status)
        if isinstance(answer, Status):
            return Result(request_id=request_id, status=answer, payload=b"", error_type="Boom")
        return Result(request_id=request_id, status=Status.SUCCESS, payload=json.dumps(answer).encode())

    @property
    def batches(self) -> list[list[int]]:
        return [call.numbers for call in self.calls]


class WatchedSource(MemoryStreamSource):
    """Remembers what it was told, and insists on the order that a source with positions is promised."""

    def __init__(self, options: MemoryStreamOptions) -> None:
        super().__init__(options)
        self.settled: list[tuple[str, int, str]] = []
        self.holds: set[frozenset[str]] = set()
        self.dead = False

    async def settle(self, settlements: Sequence[Settlement]) -> list[Unsettled]:
        if self.dead:
            await asyncio.Event().wait()
        unsettled = await super().settle(settlements)
        self.settled += [(each.record.partition, int(each.record.position), each.outcome.value) for each in settlements]
        return unsettled

    def hold(self, partitions: Any) -> None:
        super().hold(partitions)
        self.holds.add(frozenset(partitions))

    def outcomes(self) -> dict[int, str]:
        assert len({number for _, number, _ in self.settled}) == len(self.settled), "settled twice"
        return {number: outcome for _, number, outcome in self.settled}


class StreamScene:
    """Runs until the scene is left. What outlives a mapping (stream, checkpoints, destination) can be given to the next scene."""

    def __init__(
        self,
        handler: Handler,
        *,
        partitions: int = 1,
        concurrency: int = 100,
        prefix: bool = True,
        destination: bool = False,
        before: StreamScene | None = None,
        source: Source | None = None,
        watch: Callable[[Fact], None] = lambda fact: None,
        **options: Any,
    ) -> None:
        self.functions = Functions(handler)
        self.facts: list[Fact] = []
        self.watch = watch
        self.stop = Stop()
        self.name: str = before.name if before else str(uuid.uuid4())
        self.stream: MemoryStream = stream(self.name, partitions)
        self.checkpoints: FakeCheckpoints = before.checkpoints if before else FakeCheckpoints()
        self.destination: FakeDestination | None = (
            before.destination if before else FakeDestination() if destination else None
        )
        self.source = WatchedSource(MemoryStreamOptions(stream=self.name, prefix=prefix))
        self.slots = Slots(concurrency, {})
        plan: dict[str, Any] = {
            "batch_size": 10,
            "window": 0.0,
            "timeout": 3.0,
            "criteria": None,
            "item_failures": False,
        }
        plan |= {"starting_position": "TRIM_HORIZON"} | options
        self.mapping = StreamMapping(
            StreamPlan(
                name="m",
                function="f",
                function_arn="arn:aws:lambda:us-east-1:000000000000:function:f",
                envelope=lambda identity: envelope("kinesis", identity, window=False),
                **plan,
            ),
            source or self.source,
            checkpoints=self.checkpoints,
            destination=self.destination,
            claim=self.slots.claim("f", "m"),
            invoker=self.functions,
            clock=LoopClock(),
            emit=self.emit,
        )

    def send(
        self, count: int = 1, *, key: str | None = None, partition: int | None = None, body: str = "{}"
    ) -> list[int]:
        """Records that arrive now; their numbers."""
        home = "" if partition is None else self.stream.partitions[partition]
        now = asyncio.get_running_loop().time()
        return [int(self.stream.send(body, key, partition=home, arrived=now)) for _ in range(count)]

    def emit(self, fact: Fact) -> None:
        self.facts.append(fact)
        self.watch(fact)

    def facts_of(self, kind: type[Any]) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self.mapping.run(self.stop))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop.begin("test")
        await asyncio.wait({self.task}, timeout=3600)
        self.task.cancel()
        ended = await asyncio.gather(self.task, return_exceptions=True)
        assert not isinstance(ended[0], Exception), ended
        assert self.slots.in_use() == {"": 0}

    async def kill(self) -> None:
        """As kill -9 would: nothing is written or told from now on."""
        self.source.dead = True
        self.checkpoints = frozen(self.checkpoints)
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def quiet(self, seconds: float = 100.0) -> None:
        await asyncio.sleep(seconds)


def frozen(checkpoints: FakeCheckpoints) -> FakeCheckpoints:
    """What a crash leaves: a copy, which the old one cannot reach any more."""
    copy = FakeCheckpoints()
    copy.saved, copy.marked, copy.moves = dict(checkpoints.saved), dict(checkpoints.marked), list(checkpoints.moves)
    return copy


async def succeed(call: Call) -> None:
    await asyncio.sleep(0.1)
