"""Asynchronous invocations (InvocationType Event; Lambda DG, Invoking a Lambda function asynchronously).

What holds here:

1. An event is on the disk before its caller hears of it, and leaves it in the same step in which what follows from it gets there: a retry,
   records for destinations, a failure. A kill at any moment repeats a run at most, and loses nothing.
2. Memory holds a window of each line (feed.py), however many wait.
3. A run takes one of its function's slots like any other invocation, and waits for it in line: one place a function, so that a flood of
   events stands behind one mapping's work and before another's, and never in front of everybody.
4. Decisions are in rules.py, with the time as an argument. Settings are asked for at each step, so what changes counts from then on.

``accept`` is the way in; ``ledger.py`` is what is asked of the disk.
"""

from poller.dispatch.backlog.backlog import Backlog
from poller.dispatch.backlog.deliveries import Destinations
from poller.dispatch.backlog.event import EventInvokeConfig
from poller.dispatch.backlog.ledger import LedgerError
from poller.dispatch.backlog.record import MOST_BYTES

__all__ = ["MOST_BYTES", "Backlog", "Destinations", "EventInvokeConfig", "LedgerError"]
