"""A function's shape tells its driver."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from poller.execution.container.driver import ALONE, ContainerDriver
from poller.execution.contract import (
    Driver,
    Elsewhere,
    EngineImage,
    Environment,
    FunctionSpec,
    Health,
    Preparing,
    Reporting,
    Stocked,
)
from poller.execution.drivers import Drivers

HERE = FunctionSpec(
    name="f", version="1", arn="a", task_root="/", runtime="r", handler="h", timeout_seconds=3, memory_mb=128
)
IN_AN_ENGINE = replace(HERE, engine_image=EngineImage(name="app:1"))
THERE = replace(HERE, elsewhere=Elsewhere(url="http://127.0.0.1:1", function="f", region="us-east-1"))


class Named(Driver):
    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = False

    def problems(self, spec: FunctionSpec) -> list[str]:
        return [self.name]

    def environment(self, spec: FunctionSpec) -> Environment:
        raise LookupError(self.name)

    async def close(self) -> None:
        self.closed = True


class Telling(Named, Reporting):
    def health(self, function: str) -> Health | None:
        return Health(f"server of {function}") if function == "f" else None


class Ahead(Named, Stocked):
    def spares(self) -> dict[str, int]:
        return {"f": 2}


class Ready(Named, Preparing):
    prepared: Sequence[FunctionSpec] = ()

    async def prepare(self, specs: Iterable[FunctionSpec]) -> None:
        self.prepared = list(specs)


def environment_of(drivers: Drivers, spec: FunctionSpec) -> str:
    try:
        drivers.environment(spec)
    except LookupError as error:
        return str(error)
    raise AssertionError


async def test_code_runs_here_and_what_is_elsewhere_runs_there() -> None:
    here, there, engine = Named("here"), Telling("there"), Ready("engine")
    drivers = Drivers(here=here, elsewhere=there, containers=engine)
    assert (drivers.problems(HERE), drivers.problems(THERE)) == (["here"], ["there"])
    assert (drivers.problems(IN_AN_ENGINE), environment_of(drivers, IN_AN_ENGINE)) == (["engine"], "engine")
    await drivers.prepare([HERE, IN_AN_ENGINE, THERE])
    assert engine.prepared == [IN_AN_ENGINE]
    assert (environment_of(drivers, HERE), environment_of(drivers, THERE)) == ("here", "there")
    assert drivers.health("f") == Health("server of f")
    assert drivers.health("g") is None
    await drivers.close()
    assert here.closed
    assert there.closed
    assert engine.closed


def test_spares_are_told_by_who_has_any() -> None:
    assert Drivers(here=Ahead("here"), elsewhere=Named("there"), containers=Named("engine")).spares() == {"f": 2}
    assert Drivers(here=Named("here"), elsewhere=Named("there"), containers=Named("engine")).spares() == {}


def test_an_engines_environments_run_one_invocation_at_a_time(tmp_path: Path) -> None:
    driver = ContainerDriver(tmp_path, lambda _: None, "http://127.0.0.1:1")
    assert driver.problems(replace(IN_AN_ENGINE, max_concurrency=2))[-1] == ALONE
    assert ALONE not in driver.problems(IN_AN_ENGINE)
