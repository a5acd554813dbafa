"""Warm environments of one function version, and who gets which.

pool.py: who waits takes whichever environment is free first. idle.py, line.py: environments with room, and invocations without one.
starts.py: starts that may be under way on the host. growth.py, provision.py: pure decisions, how many a function may add, and has ahead.
"""

from poller.execution.pool.pool import Pool, PoolClosedError
from poller.execution.pool.provision import Allocation
from poller.execution.pool.starts import Starts

__all__ = ["Allocation", "Pool", "PoolClosedError", "Starts"]
