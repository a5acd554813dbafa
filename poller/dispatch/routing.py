"""Which version of a function an invocation runs on: what an alias points to, decided anew for every invocation.

A batch that is retried may so land on the other version, as on AWS (Lambda DG, Implement canary deployments using a weighted alias).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from poller.dispatch.invoker import Runner
from poller.execution.contract import Invocation, Opening, Result


@dataclass(frozen=True, slots=True)
class Split:
    """One version, or two of which the second has a share: 0 to 1 of all invocations, by chance, one by one."""

    version: str
    second: str = ""
    share: float = 0.0

    def pick(self, draw: float) -> str:
        """The version to run. draw: uniform, 0 <= draw < 1; so a share of 0 is never picked, and one of 1 always. Pure."""
        return self.second if draw < self.share else self.version


class Router(Runner):
    """Runs each invocation on the version that is drawn for it, and says which in the result."""

    def __init__(self, split: Split, runners: Mapping[str, Runner], draw: Callable[[], float]) -> None:
        self._split = split
        self._runners = runners
        self._draw = draw

    async def invoke(self, invocation: Invocation) -> Result:
        """Run one event."""
        version = self._split.pick(self._draw())
        if (told := invocation.on_opening) is not None:

            def named(opening: Opening) -> None:
                told(dataclasses.replace(opening, executed_version=version))

            invocation = dataclasses.replace(invocation, on_opening=named)
        result = await self._runners[version].invoke(invocation)
        return dataclasses.replace(result, executed_version=version)
