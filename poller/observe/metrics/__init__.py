"""Prometheus metrics from facts: a module a stage, each a table of which fact moves which metric.

Names are ``pollerd_<thing>_<unit>``; the AWS metric of the same meaning stands beside each. Labels are names from the configuration
and closed sets of words, never ids. page.py makes the page, table.py what people read; plain.py is what moves.
"""

from __future__ import annotations

from poller.observe.metrics.metrics import Metrics
from poller.observe.metrics.page import Page
from poller.observe.metrics.table import table

__all__ = ["Metrics", "Page", "table"]
