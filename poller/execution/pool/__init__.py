"""Warm environments of one function version, and who gets which.

pool.py: who waits takes whichever environment is free first. idle.py, line.py: environments with room, and invocations without one.
starts.py: starts that may be under way on the host; under_way.py: those of the pool. growth.py, provision.py: pure decisions, how many a
function may add, and has ahead.

What holds here:

1. An invocation takes an environment with room: a provisioned one if there is any, else the one used last, so that the others can go
   idle and be stopped. If there is none it waits in line, first come, first served, while an environment is started on its
   behalf. Whatever comes first, an environment freed or one started, serves the head of the line; so a start that nobody needs any more
   ends as an idle environment.
2. For all invocations in line starts are under way or wait for their turn, as many as have room for them, and no more begin; provisioned
   ones come on top. How many begin at once on the host is decided by starts.py, how fast a function may grow by growth.py; a wait for
   either is a wait in line.
3. An environment whose INIT failed serves the head of the line as well: it repeats its INIT inside the invocation, which answers it.
4. No environment is stopped in the middle of an invocation, but by ``close`` and by the cancellation of the invocation itself: one that
   runs others as well takes no more of them and is stopped after the last.
"""

from poller.execution.pool.pool import Pool, PoolClosedError
from poller.execution.pool.provision import Allocation
from poller.execution.pool.starts import Starts

__all__ = ["Allocation", "Pool", "PoolClosedError", "Starts"]
