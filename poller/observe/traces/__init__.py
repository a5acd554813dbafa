"""Traces from facts: one of each receive, with its batches, their invocations, and what sources and destinations were told.

headers.py reads and writes the headers that carry them; traces.py makes spans of facts; export.py sends them, in the one module that knows
OpenTelemetry's SDK, and is imported only where traces are wanted.
"""

from __future__ import annotations

from poller.observe.traces.headers import Link, continued, read
from poller.observe.traces.traces import Span, Traces

__all__ = ["Link", "Span", "Traces", "continued", "read"]
