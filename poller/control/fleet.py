"""All that runs by one configuration, and the way to the next one: build what is new, swap, retire what is old.

What holds here:

1. Whatever may fail is done before anything is touched. A change that cannot be built leaves all as it is; once it is durable the swap
   follows at once, and cannot fail.
2. What a change does not concern does not notice it. A changed function's invocations end in the environments in which they run; what comes
   after goes to new ones. A changed mapping finishes what it began, and goes on from there.
3. One change at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from poller.aio.clock import Clock
from poller.aio.stop import Stop
from poller.control import assemble, mappings
from poller.control.assemble import Recipe
from poller.control.checkpoints import CheckpointStore, StoredCheckpoints
from poller.control.running import Running
from poller.dispatch.invoker import Onward
from poller.execution.contract import Driver, FunctionSpec, Preparing
from poller.execution.pool import Pool, Starts
from poller.observe.events import Emit, MappingEnded, MappingStarted
from poller.pipeline.mapping import Mapping
from poller.pipeline.stream import StreamMapping
from poller.settings.model import Settings
from poller.settings.package import PackageError

Told = Callable[[str, Exception, float], None]
"""Of what escaped from a part of ours, and of the seconds until it is tried again."""


async def nothing() -> None:
    """For changes that need not outlive the daemon."""


@dataclass(frozen=True, slots=True)
class Around:
    """What the daemon gives to all that runs. grace: seconds that invocations of a mapping have to finish before they are cut.

    onward: as ``Invoker`` has it.
    """

    driver: Driver
    checkpoints: CheckpointStore
    clock: Clock
    emit: Emit
    found_defect: Told
    grace: float
    onward: Onward | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change concerned, by name and in order; removed ones, too. functions: with their versions, as ``name:3``."""

    functions: tuple[str, ...] = ()
    mappings: tuple[str, ...] = ()


class Fleet:
    """Pools, permits, routes and mappings of ``settings``."""

    def __init__(self, settings: Settings, around: Around) -> None:
        self.settings = settings
        self._around = around
        self._starts = Starts()
        self._recipes = assemble.recipes(settings)
        self.pools: dict[str, Pool] = {target: self._pool(recipe) for target, recipe in self._recipes.items()}
        """By target. One and the same for the daemon's life."""
        self.slots = assemble.slots(settings)
        self.invoker = assemble.invoker(settings, self.pools, around.emit, around.onward)
        self.mappings: dict[str, Running[Mapping | StreamMapping]] = {
            name: self._running(name) for name, mapping in settings.event_source_mappings.items() if mapping.enabled
        }
        """Those that are enabled, by name. One and the same for the daemon's life."""
        self._mapping_recipes = {name: self._mapping_recipe(name) for name in self.mappings}
        self._ends: dict[str, Stop] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._background: set[asyncio.Task[None]] = set()
        self._retired: set[Pool] = set()
        self._changing = asyncio.Lock()
        self._stop: Stop | None = None
        self.on_change: Callable[[], None] = lambda: None
        """Called whenever other settings have come into force."""

    @property
    def driver(self) -> Driver:
        """What runs the functions."""
        return self._around.driver

    def start(self, stop: Stop) -> None:
        """Run all of it until the stop."""
        self._stop = stop
        self._prepare(pool.spec for pool in self.pools.values())
        for pool, recipe in zip(self.pools.values(), self._recipes.values(), strict=True):
            if recipe.provisioned:
                pool.provision()
        for name in self.mappings:
            self._begin(name)

    async def finish(self) -> None:
        """Return when every mapping has ended, those that were removed too. Cancellation cuts them."""
        await asyncio.gather(*self._tasks.values(), *self._ending)

    async def ended(self) -> None:
        """Return when the mappings that are wanted no more have finished what they began, or were cut."""
        if self._ending:
            await asyncio.wait(self._ending)

    async def close(self) -> None:
        """End whatever still runs."""
        tasks = [*self._tasks.values(), *self._ending, *self._background]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(pool.close() for pool in (*self.pools.values(), *self._retired)))

    async def apply(
        self,
        settings: Settings,
        commit: Callable[[], Awaitable[None]] = nothing,
        only: Collection[str] | None = None,
    ) -> Changed:
        """Turn what runs into what these settings ask for. They are checked (settings/check.py).

        commit: makes the change durable; called when nothing can fail any more but it. only: functions that may have changed; None: any.
        Returns what it concerned when everything new has begun; what is old ends by itself. Raises PackageError, StoreError and what
        commit raises: nothing has changed then.
        """
        async with self._changing:
            recipes = await asyncio.to_thread(assemble.recipes, settings, only)
            others: dict[str, Recipe] = {}
            if only is not None:
                others = {target: recipe for target, recipe in self._recipes.items() if recipe.spec.name not in only}
                recipes = others | recipes
            touched = recipes if only is None else recipes.keys() - others.keys()
            new = {target: recipes[target] for target in touched if self._recipes.get(target) != recipes[target]}
            self._refuse_unfit(new.values())
            await commit()
            pools = {target: self._pool(recipe) for target, recipe in new.items()}
            return self._swap(settings, recipes, pools, only)

    def _refuse_unfit(self, recipes: Iterable[Recipe]) -> None:
        for recipe in recipes:
            for problem in self._around.driver.problems(recipe.spec):
                raise PackageError(problem)

    def _swap(
        self, settings: Settings, recipes: dict[str, Recipe], new: dict[str, Pool], only: Collection[str] | None
    ) -> Changed:
        """Everything that comes from now on goes to the new. Synchronous, so nobody sees half of it."""
        before = self._mapping_recipes
        functions = new.keys() | self.pools.keys() - recipes.keys()
        old = [pool for target, pool in self.pools.items() if target in functions]
        for target in self.pools.keys() - recipes.keys():
            del self.pools[target]
        self.pools.update(new)
        self.settings, self._recipes = settings, recipes
        self.slots.limit_to(**assemble.limits(settings))
        self.invoker.lead_to(assemble.routes(settings, self.pools, random.random, only), only)
        self._prepare(pool.spec for pool in new.values())
        for target, pool in new.items():
            if recipes[target].provisioned and self._stop is not None:
                pool.provision()
        wanted = [name for name, mapping in settings.event_source_mappings.items() if mapping.enabled]
        self._mapping_recipes = after = {name: self._mapping_recipe(name) for name in wanted}
        for name in list(self.mappings):
            if name not in after or before[name].source != after[name].source:
                self._end(name)
            elif before[name] != after[name]:
                _keep(self._background, self.mappings[name].renew(), f"renewal of {name}")
        for name in wanted:
            if name not in self.mappings:
                self.mappings[name] = self._running(name)
                self._begin(name)
        for pool in old:
            _keep(self._background, self._retire(pool), f"retirement of {pool.spec.name}")
        self.on_change()
        differ = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        return Changed(tuple(sorted(functions)), tuple(sorted(differ)))

    def _begin(self, name: str) -> None:
        """Run a mapping until the daemon stops, or the mapping ends."""
        if self._stop is None:
            return
        stop = self._ends[name] = self._stop.part()
        settings = self.settings.event_source_mappings[name]
        self._around.emit(MappingStarted(mapping=name, function=settings.function, source=settings.source.type))
        self._tasks[name] = asyncio.create_task(self.mappings[name].run(stop), name=f"mapping {name}")

    def _end(self, name: str) -> None:
        """A mapping is not wanted any more: it finishes what it began."""
        running = self.mappings.pop(name)
        if name in self._tasks:
            self._ends.pop(name).begin("removed")
            _keep(self._ending, self._ended(name, running, self._tasks.pop(name)), f"end of {name}")

    async def _ended(self, name: str, running: Running[Mapping | StreamMapping], task: asyncio.Task[None]) -> None:
        try:
            await asyncio.wait({task}, timeout=self._around.grace)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            left = running.mapping.in_hand if running.mapping is not None else 0
            self._around.emit(MappingEnded(mapping=name, unfinished=left))

    async def _retire(self, pool: Pool) -> None:
        self._retired.add(pool)
        await pool.retire()
        self._retired.discard(pool)

    def _prepare(self, specs: Iterable[FunctionSpec]) -> None:
        driver, wanted = self._around.driver, list(specs)
        if isinstance(driver, Preparing) and wanted and self._stop is not None:
            _keep(self._background, self._prepared(driver, wanted), "preparation")

    async def _prepared(self, driver: Preparing, specs: list[FunctionSpec]) -> None:
        try:
            await driver.prepare(specs)
        except Exception as error:  # noqa: BLE001  # ours; functions try for themselves
            self._around.found_defect("preparation", error, 0.0)

    def _pool(self, recipe: Recipe) -> Pool:
        around = self._around
        return assemble.pool(recipe, around.driver, around.emit, around.clock, self._starts)

    def _mapping_recipe(self, name: str) -> mappings.Recipe:
        return mappings.recipe(name, self._of_mappings())

    def _of_mappings(self) -> mappings.Around:
        return mappings.Around(
            settings=self.settings,
            pools=self.pools,
            slots=self.slots,
            invoker=self.invoker,
            clock=self._around.clock,
            emit=self._around.emit,
        )

    def _running(self, name: str) -> Running[Mapping | StreamMapping]:
        def build(checkpoints: StoredCheckpoints | None) -> Mapping | StreamMapping:
            around = self._of_mappings()
            return mappings.stream(name, around, checkpoints) if checkpoints else mappings.queue(name, around)

        def taken() -> AbstractAsyncContextManager[StoredCheckpoints | None]:
            settings = self.settings.event_source_mappings[name]
            return self._around.checkpoints.taken(name) if mappings.is_stream(settings) else contextlib.nullcontext()

        return Running(
            name,
            build,
            taken,
            found_defect=lambda error, delay: self._around.found_defect(f"mapping {name}", error, delay),
            grace=self._around.grace,
            clock=self._around.clock,
            emit=self._around.emit,
        )


def _keep(tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None], name: str) -> None:
    """Let something end in its own time, owned by the set that it leaves then."""
    task = asyncio.create_task(work, name=name)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
