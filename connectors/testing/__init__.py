"""Conformance kit: what every connector must do, as tests to inherit. Needs no test framework; pytest collects it as it is.

A connector's author writes a rig (how to make a queue or stream, fill it and cut its connection) and classes that inherit the
behaviours which fit: ``QueueContract`` or ``StreamContract``, each with all that holds for every source, and what else the source can do::

    class TestMyQueue(QueueContract, LeaseContract, OutageContract):
        def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[QueueRig]:
            return my_rig(lease_seconds)

    class TestMyStream(StreamContract, OutageContract):
        def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[StreamRig]:
            return my_rig()

They also check that none of the classes is left out which the source's capabilities call for. Tests are coroutines: a pytest plugin
for asyncio runs them. No test is decided by a pause; all wait for what must happen, with a limit (``patience``).
"""

from connectors.testing.checkpoints import MemoryCheckpoints
from connectors.testing.lanes import LaneContract
from connectors.testing.leases import LeaseContract
from connectors.testing.outages import OutageContract
from connectors.testing.queue import QueueContract
from connectors.testing.relay import Relay
from connectors.testing.rig import Breakable, Message, QueueRig, Rig, StreamRig, StreamSource
from connectors.testing.source import SourceContract
from connectors.testing.steps import opened, receive, unsettled
from connectors.testing.stream import StreamContract

__all__ = [
    "Breakable",
    "LaneContract",
    "LeaseContract",
    "MemoryCheckpoints",
    "Message",
    "OutageContract",
    "QueueContract",
    "QueueRig",
    "Relay",
    "Rig",
    "SourceContract",
    "StreamContract",
    "StreamRig",
    "StreamSource",
    "opened",
    "receive",
    "unsettled",
]
