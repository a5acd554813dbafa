"""Filters: which records of a source a mapping delivers (FilterCriteria of an event source mapping).

A filter's way: ``compile`` turns JSON into rules, whose fields carry a ``path`` and a ``leaf``; ``match`` asks a
record's view; ``criteria`` puts several filters together, gives each rule the view it may see (``content``), and
explains a refusal.

The language is that of the Lambda Developer Guide, Event filtering, with the operators that EventBridge has on top of
it.
"""

from poller.pipeline.filter.criteria import Criteria, Explanation, Refusal, compile_criteria
from poller.pipeline.filter.error import FilterError

__all__ = ["Criteria", "Explanation", "FilterError", "Refusal", "compile_criteria"]
