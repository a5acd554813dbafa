"""The numbers of one run of invocations, the same for every path."""

from __future__ import annotations

from collections.abc import Sequence

from bench.figures import percentile

WARM_UP = 500
"""Invocations before the clock starts."""


def sample(seconds: Sequence[float], took: float, cpu: float) -> dict[str, float]:
    """seconds: of each invocation. took: of all. cpu: CPU seconds of the process under test, nan where another measures it."""
    return {
        "rate": len(seconds) / took,
        "p50": percentile(seconds, 0.5) * 1e6,
        "p99": percentile(seconds, 0.99) * 1e6,
        "cpu": cpu / len(seconds) * 1e6,
    }
