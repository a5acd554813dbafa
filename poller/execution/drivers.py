"""All drivers as one: a function's shape tells which of them runs it."""

from __future__ import annotations

from collections.abc import Iterable

from poller.execution.contract import (
    Driver,
    Environment,
    FunctionSpec,
    Health,
    Isolating,
    Preparing,
    Reporting,
    Stocked,
)


class Drivers(Driver, Reporting, Preparing, Stocked, Isolating):
    """here: runs code on this host. elsewhere: invokes it where it is. containers: have an engine run it."""

    def __init__(self, here: Driver, elsewhere: Driver, containers: Driver) -> None:
        self._here = here
        self._elsewhere = elsewhere
        self._containers = containers

    def problems(self, spec: FunctionSpec) -> list[str]:
        """As the function's own driver has it."""
        return self._of(spec).problems(spec)

    def environment(self, spec: FunctionSpec) -> Environment:
        """A new environment of the function's own driver."""
        return self._of(spec).environment(spec)

    def health(self, function: str) -> Health | None:
        """From the first driver that knows."""
        reports = (
            driver.health(function)
            for driver in (self._elsewhere, self._here, self._containers)
            if isinstance(driver, Reporting)
        )
        return next((report for report in reports if report), None)

    def spares(self) -> dict[str, int]:
        """Of those that prepare any."""
        ready = (driver.spares() for driver in (self._elsewhere, self._here) if isinstance(driver, Stocked))
        return {name: number for numbers in ready for name, number in numbers.items()}

    def sandbox(self) -> tuple[str, str]:
        """Of the driver that has one."""
        return self._here.sandbox() if isinstance(self._here, Isolating) else ("none", "")

    async def close(self) -> None:
        """Close all."""
        await self._here.close()
        await self._elsewhere.close()
        await self._containers.close()

    async def prepare(self, specs: Iterable[FunctionSpec]) -> None:
        """Each driver that has something to prepare, for its own functions."""
        every = list(specs)
        for driver in (self._here, self._elsewhere, self._containers):
            if isinstance(driver, Preparing):
                await driver.prepare([spec for spec in every if self._of(spec) is driver])

    def _of(self, spec: FunctionSpec) -> Driver:
        if spec.elsewhere is not None:
            return self._elsewhere
        return self._here if spec.engine_image is None else self._containers
