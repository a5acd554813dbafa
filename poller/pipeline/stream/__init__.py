"""Event source mappings of streams: partitions, lanes, retries in place, checkpoints."""

from poller.pipeline.stream.checkpoints import LaneCheckpoints, Marks
from poller.pipeline.stream.mapping import StreamMapping
from poller.pipeline.stream.plan import INFINITE, StreamPlan

__all__ = ["INFINITE", "LaneCheckpoints", "Marks", "StreamMapping", "StreamPlan"]
