"""Where the processes of an environment live, and what they are. Drivers differ in both: a sandbox of this host, an engine's container."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from poller.execution.environment.startup import Startup
from poller.execution.sandbox.box import Box


class Premises(Protocol):
    """What a driver says of one environment. Whatever is raised here fails an INIT, not the daemon."""

    name: str
    """The environment's id: hex, unique for the daemon's life."""

    async def plan(self) -> Startup:
        """What is to be started, asked before each INIT. Raises InvalidEntrypoint."""
        ...

    async def box(self, plan: Startup, mark: Callable[[], bytes]) -> Box:
        """A new place for all of it. mark: see ``Beside``. Raises OSError, InvalidEntrypoint."""
        ...

    async def extensions(self, plan: Startup) -> Mapping[str, str]:
        """The external ones that the box made last has: name -> path inside, in name's order. Raises OSError, InvalidEntrypoint."""
        ...

    def close(self) -> None:
        """The environment is gone, and its box closed."""
        ...
