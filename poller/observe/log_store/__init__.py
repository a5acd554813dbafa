"""What functions have logged, kept in the state folder and found again: by group, stream, time and pattern, as in CloudWatch Logs.

store.py: the daemon's, fed by facts. writer.py, reader.py: the two sides of the file, for one thread each; whoever has no daemon reads with
the latter. file.py: the file. chunks.py: how events lie in it. pages.py: how they come out. event.py: an event and its place. patterns.py,
json_patterns.py: filter patterns.
"""

from poller.observe.log_store.event import FIRST, LogEvent, Position, position
from poller.observe.log_store.file import LogStoreError
from poller.observe.log_store.pages import Page, Range
from poller.observe.log_store.pattern_error import PatternError
from poller.observe.log_store.patterns import compile_pattern
from poller.observe.log_store.reader import LogGroup, LogReader, LogStream, MissingError
from poller.observe.log_store.store import LogStore
from poller.observe.log_store.writer import Bounds, Writer

__all__ = [
    "FIRST",
    "Bounds",
    "LogEvent",
    "LogGroup",
    "LogReader",
    "LogStore",
    "LogStoreError",
    "LogStream",
    "MissingError",
    "Page",
    "PatternError",
    "Position",
    "Range",
    "Writer",
    "compile_pattern",
    "position",
]
