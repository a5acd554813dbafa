"""The log of one environment: what its processes write, and the platform's own lines among it, each line to its invocation.

capture.py: the log itself, for the driver. init.py: what is told of INIT. pipes.py: what processes write into. lines.py, frames.py:
bytes -> records, of standard output and of the runtime clients' own channel. levels.py: what a log in JSON format leaves out. words.py:
platform lines in text format; in JSON format they are the events of ``telemetry.records``.
"""

from poller.execution.logs.capture import Capture
from poller.execution.logs.frames import LOG_FD

__all__ = ["LOG_FD", "Capture"]
