"""How mappings reach the functions: the front door (dispatch/invoker.py) as they need it."""

from __future__ import annotations

from typing import Protocol

from poller.execution.contract import Result

INIT_SECONDS = 60.0
"""What an invocation may take beyond its function's timeout before somebody wonders: an environment that starts, in line behind others."""


class Invoke(Protocol):
    """The front door to the functions."""

    async def invoke(self, target: str, payload: bytes, *, request_id: str = "") -> Result:
        """Run one event; the caller holds a permit in use. request_id: kept over the retries of an unchanged batch; "" makes a new one."""
        ...
