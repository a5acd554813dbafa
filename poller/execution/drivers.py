"""All drivers as one: a function's shape tells which of them runs it."""

from __future__ import annotations

from poller.execution.contract import Driver, Environment, FunctionSpec, Health, Preparing, Reporting


class Drivers(Driver, Reporting, Preparing):
    """here: runs code on this host. elsewhere: invokes it where it is."""

    def __init__(self, here: Driver, elsewhere: Driver) -> None:
        self._here = here
        self._elsewhere = elsewhere

    def problems(self, spec: FunctionSpec) -> list[str]:
        """As the function's own driver has it."""
        return self._of(spec).problems(spec)

    def environment(self, spec: FunctionSpec) -> Environment:
        """A new environment of the function's own driver."""
        return self._of(spec).environment(spec)

    def health(self, function: str) -> Health | None:
        """From the first driver that knows."""
        reports = (driver.health(function) for driver in (self._elsewhere, self._here) if isinstance(driver, Reporting))
        return next((report for report in reports if report), None)

    def spares(self) -> dict[str, int]:
        """Of those that prepare any."""
        ready = (driver.spares() for driver in (self._elsewhere, self._here) if isinstance(driver, Preparing))
        return {name: number for numbers in ready for name, number in numbers.items()}

    async def close(self) -> None:
        """Close all."""
        await self._here.close()
        await self._elsewhere.close()

    def _of(self, spec: FunctionSpec) -> Driver:
        return self._here if spec.elsewhere is None else self._elsewhere
