"""Conformance kit: what every connector must do, as tests to inherit. Needs no test framework; pytest collects it as it is.

A connector's author writes a ``Rig`` (how to make a queue, fill it, count it and cut its connection) and classes that inherit the
behaviours which fit::

    class TestMyQueue(SourceContract, LeaseContract, OutageContract):
        def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[Rig]:
            return my_rig(lease_seconds)

``SourceContract`` holds for every source; it also checks that none of the other classes is left out which the source's capabilities
call for. Tests are coroutines: a pytest plugin for asyncio runs them. No test is decided by a pause; all wait for what must
happen, with a limit (``patience``).
"""

from connectors.testing.lanes import LaneContract
from connectors.testing.leases import LeaseContract
from connectors.testing.outages import OutageContract
from connectors.testing.relay import Relay
from connectors.testing.rig import Breakable, Message, Rig
from connectors.testing.source import SourceContract
from connectors.testing.steps import opened, receive

__all__ = [
    "Breakable",
    "LaneContract",
    "LeaseContract",
    "Message",
    "OutageContract",
    "Relay",
    "Rig",
    "SourceContract",
    "opened",
    "receive",
]
