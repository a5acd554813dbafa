"""What the stages share: the shape of their tables, and the bounds of histograms."""

from __future__ import annotations

from collections.abc import Callable

from poller.observe.events import Fact

On = dict[type[Fact], Callable[..., object]]
"""Which fact moves what."""

SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
"""Records."""
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)
AGES = (0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 900, 1800, 3600, 7200, 10800, 21600)
"""Seconds; an event may wait for six hours."""
