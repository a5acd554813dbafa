"""The box of one environment as it stands, with its Runtime API listening in it: made with the first INIT, and anew when it was killed."""

from __future__ import annotations

import errno
import socket

from poller.execution.environment.premises import Premises
from poller.execution.environment.startup import Startup
from poller.execution.runtime_api import RuntimeApi
from poller.execution.sandbox.box import Box


class Site:
    """None before the first INIT. A runtime finds its API at ``address``; whoever else calls there is told apart by ``admits``."""

    def __init__(self, premises: Premises) -> None:
        self.premises = premises
        self.box: Box | None = None
        self._port = 0

    @property
    def address(self) -> str:
        """Of the Runtime API, as seen inside."""
        return f"127.0.0.1:{self._port}"

    async def ready(self, plan: Startup, api: RuntimeApi) -> Box:
        """The box, which is there now if it was not. Raises what ``Premises.box`` does."""
        if self.box is not None and self.box.gone():
            await self.box.close()
            await api.close()
            self.box = None
        if self.box is None:
            self.box = await self.premises.box(plan, self._mark)
            await api.open(self.box.listener)
            self._port = api.port
        return self.box

    async def dial(self, port: int) -> socket.socket:
        """A connection to that port inside. Raises OSError."""
        if self.box is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "there is no environment yet")
        return await self.box.dial(port)

    def admits(self, client_port: int) -> bool:
        """Whether who calls the Runtime API from that port lives here."""
        return self.box is not None and self.box.admits(self._port, client_port)

    def memory(self) -> int:
        """Bytes that all processes use now."""
        return 0 if self.box is None else self.box.memory()

    def out_of_memory(self) -> bool:
        """Whether the kernel has killed here for want of memory since this was last asked."""
        return self.box is not None and self.box.out_of_memory()

    async def close(self) -> None:
        """Remove the box with all that runs in it. Idempotent."""
        if self.box is not None:
            await self.box.close()

    def _mark(self) -> bytes:
        return f"AWS_LAMBDA_RUNTIME_API={self.address}\0".encode()
