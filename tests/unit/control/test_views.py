"""What is told of mappings, on a stream in memory: state, how far it has come, what waits; and why one is not ready."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import Standing
from connectors.memory.stream import MemoryStreamSource, stream
from poller.aio.stop import Stop
from poller.control import assemble, mappings, surveys
from poller.control.checkpoints import CheckpointStore, StoredCheckpoints
from poller.control.health import Health
from poller.control.running import Running
from poller.control.surveys import Survey, Surveys
from poller.control.views import Views
from poller.execution.contract import Result, Status
from poller.observe.ages import Ages
from poller.observe.courses import Courses
from poller.observe.events import Fact
from poller.observe.metrics import Metrics
from poller.pipeline.mapping import Mapping
from poller.pipeline.stream import StreamMapping
from poller.settings.load import load
from poller.settings.model import Settings
from tests.fakes.virtual_time import LoopClock
from tests.unit.control.test_versions import Drivers


class Functions:
    """The front door: fails as long as it is told to, and answers when ``hangs`` is set."""

    def __init__(self) -> None:
        self.fails = False
        self.hangs = asyncio.Event()
        self.hangs.set()

    async def invoke(self, target: str, payload: bytes, *, request_id: str = "") -> Result:
        await self.hangs.wait()
        status = Status.ERROR if self.fails else Status.SUCCESS
        return Result(request_id="r", status=status, payload=b"")


@dataclass
class Now:
    """A configuration that does not change."""

    settings: Settings
    mappings: dict[str, Running[Any]]


class Scene:
    """A stream's mapping in a daemon's stead, and one that is disabled."""

    def __init__(self, folder: Path) -> None:
        (folder / "app.py").write_text("def handler(event, context): return 1\n")
        self.name = uuid.uuid4().hex
        self.stop = Stop()
        self.functions = Functions()
        source = {"type": "memory-stream", "stream": self.name}
        self.failures = folder / "failures"
        keys = {"source": source, "function": "f", "maximum_retry_attempts": 0} | {
            "destination_config": {"on_failure": {"destination": f"file:{self.failures}"}}
        }
        document = {
            "functions": {"f": {"code": ".", "runtime": "python3.11", "handler": "app.handler"}},
            "event_source_mappings": {"m": keys, "off": keys | {"enabled": False}},
        }
        (folder / "pollerd.json").write_text(json.dumps(document))
        settings = load(folder / "pollerd.json")
        self.ages = Ages()
        pools = assemble.pools(settings, Drivers(), print, LoopClock())
        around = mappings.Around(
            settings=settings,
            pools=pools,
            slots=assemble.slots(settings),
            invoker=self.functions,  # type: ignore[arg-type]  # the engine asks for no more than this
            clock=LoopClock(),
            emit=self._emit,
        )
        self._store = CheckpointStore(Path(settings.state), self._emit)

        def build(checkpoints: StoredCheckpoints | None) -> Mapping | StreamMapping:
            assert checkpoints is not None
            return mappings.stream("m", around, checkpoints)

        self.running = Running(
            "m",
            build,
            lambda: self._store.taken("m"),
            found_defect=lambda error, _: pytest.fail(repr(error)),
            grace=1.0,
            clock=LoopClock(),
            emit=self._emit,
        )
        now = Now(settings, {"m": self.running})
        self.courses = Courses(LoopClock().epoch)
        self.health = Health(now, self.courses, lambda: self.stop.soft, clock=LoopClock(), emit=self._emit)
        self.views = Views(now, self.ages, self.courses, self.health, lambda: self.stop.soft, stranded=dict)
        self.metrics = Metrics()
        self.surveys = Surveys({"m": self.running}, self.metrics)

    def _emit(self, fact: Fact) -> None:
        self.ages.emit(fact)
        self.courses.emit(fact)

    @contextlib.asynccontextmanager
    async def begun(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.running.run(self.stop))
        yield
        self.stop.begin("over")
        await task
        await self._store.close()

    async def gauges(self) -> dict[str, float]:
        """What the metrics page says of the mapping."""
        await self.surveys.take()
        lines = [line.partition('{mapping="m"} ') for line in self.metrics.page().text.splitlines()]
        return {name.removeprefix("pollerd_"): float(value) for name, mark, value in lines if mark}

    def view(self) -> dict[str, Any]:
        return self.views.readiness()[0]

    async def until(self, **told: object) -> dict[str, Any]:
        """What operators are told, once it is this."""
        while True:
            view = (await self.views.operators())[0]
            if told.items() <= view.items():
                return view
            await asyncio.sleep(0.01)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def test_a_stream_tells_how_far_it_has_come(scene: Scene) -> None:
    partition = stream(scene.name).partitions[0]
    async with scene.begun():
        assert (scene.view()["state"], scene.view()["ready"]) == ("connecting", False)
        view = await scene.until(state="polling")
        assert view["last_processing_result"] == "No records processed"
        assert "iterator_age_seconds" not in view
        position = stream(scene.name).send("a", arrived=LoopClock().now() - 5.0)
        told = {"last_processing_result": "OK", "positions": {partition: position}}
        view = await scene.until(**told, invocations=0, records_in_hand=0)
        assert view["iterator_age_seconds"] >= 5.0
        assert scene.views.in_hand() == {"m": 0}
        scene.functions.fails = True
        position = stream(scene.name).send("b")
        await scene.until(last_processing_result="PROBLEM: Function call failed", positions={partition: position})


async def test_what_is_paused_or_disabled_is_ready_and_what_stops_is_not(scene: Scene) -> None:
    async with scene.begun():
        await scene.until(state="polling")
        await scene.running.pause()
        view = await scene.until(state="paused")
        assert view["ready"]
        assert scene.views.readiness()[1] == {
            "mapping": "off", "function": "f", "source": "memory-stream", "ready": True, "state": "disabled",
        }  # fmt: skip
        scene.stop.begin("over")
        assert (scene.view()["state"], scene.view()["ready"]) == ("stopping", False)


async def test_a_source_that_is_away_is_told_with_the_reason(scene: Scene) -> None:
    async with scene.begun():
        await scene.until(state="polling")
        stream(scene.name).cut()
        view = await scene.until(state="connecting")
        assert view["trouble"] == f"stream {scene.name} is cut off"
        stream(scene.name).mend()
        await scene.until(state="polling")


async def test_what_another_process_runs_is_told_with_its_number(scene: Scene, tmp_path: Path) -> None:
    other = CheckpointStore(tmp_path / "state", lambda _: None)
    async with other.taken("m"), scene.begun():
        view = await scene.until(state="connecting", ready=False)
        while "runs the mapping m" not in view["trouble"]:
            view = await scene.until(state="connecting")
    await other.close()


async def test_what_waits_for_a_destination_makes_a_mapping_unready_until_it_is_stored(scene: Scene) -> None:
    scene.failures.write_text("a file where the folder would be")
    scene.functions.fails = True
    async with scene.begun():
        await scene.until(state="polling", ready=True)
        stream(scene.name).send("a")
        view = await scene.until(ready=False)
        assert (view["state"], view["batches_held_up"]) == ("polling", 1)
        assert view["trouble"].startswith("failure records cannot be stored: ")
        assert view["failing_since"].endswith("+00:00")
        assert (await scene.gauges())["batches_held_up"] == 1
        scene.failures.unlink()
        view = await scene.until(ready=True)
        assert not {"trouble", "batches_held_up", "failing_since"} & view.keys()
        assert (await scene.gauges())["batches_held_up"] == 0
    assert list(scene.failures.iterdir())


async def test_what_is_behind_is_told_by_partition_and_in_all(scene: Scene) -> None:
    partition = stream(scene.name).partitions[0]
    async with scene.begun():
        view = await scene.until(state="polling", lag=0, still_seconds=0.0)
        assert view["partitions"] == {partition: {"committed": "0", "end": "0", "lag": 0}}
        scene.functions.hangs.clear()
        numbers = [stream(scene.name).send("a") for _ in range(7)]
        view = await scene.until(invocations=1)
        assert view["partitions"] == {partition: {"committed": "0", "end": numbers[-1], "lag": 7}}
        assert (view["lag"], "pending" in view) == (7, False)
        gauges = await scene.gauges()
        assert gauges["mapping_lag_records"] == 7
        assert gauges["mapping_still_seconds"] > 0
        assert "mapping_pending_records" not in gauges
        scene.functions.hangs.set()
        await scene.until(lag=0, still_seconds=0.0)
        assert (await scene.gauges())["mapping_lag_records"] == 0
        await scene.running.pause()
        await scene.until(state="paused")
        assert await scene.gauges() == {}


async def test_a_source_that_does_not_answer_is_not_waited_for(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async def for_ever(_: MemoryStreamSource) -> dict[str, Standing]:
        await asyncio.Event().wait()
        return {}

    monkeypatch.setattr(MemoryStreamSource, "survey", for_ever)
    monkeypatch.setattr(surveys, "PATIENCE", 0.01)
    async with scene.begun():
        view = await scene.until(state="polling")
        assert not {"lag", "partitions"} & view.keys()
        assert "mapping_lag_records" not in await scene.gauges()


def test_what_is_not_known_of_all_partitions_is_not_known() -> None:
    known = Standing(committed="1", end="3", lag=2, pending=4)
    assert Survey({"a": known, "b": known}).told() == {
        "lag": 4,
        "pending": 8,
        "partitions": {key: {"committed": "1", "end": "3", "lag": 2, "pending": 4} for key in "ab"},
    }
    assert Survey({"a": known, "b": replace(known, lag=None)}).lag is None
    assert Survey(backlog=7).told() == {"lag": 7}
    assert Survey().told() == {}
