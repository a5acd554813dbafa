"""Traces: whether what sends them is installed. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from poller.settings.model import Settings
from poller.settings.problems import Finding

KEYS = ("tracing",)


def check_tracing(settings: Settings) -> Iterator[Finding]:
    """Findings about ``tracing``."""
    if settings.tracing is not None and find_spec("opentelemetry") is None:
        yield Finding(KEYS, "this needs OpenTelemetry; install pollerd[otel]")
