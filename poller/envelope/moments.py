"""Epoch seconds -> the ISO 8601 texts that AWS writes, in UTC.

Some times are a stranger's work (a Kafka producer's, in microseconds by mistake). Those beyond the years that ISO 8601 has four digits for
are the last moment of them, or the first.
"""

from __future__ import annotations

from datetime import UTC, datetime

FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def with_milliseconds(moment: float) -> str:
    """``2025-11-25T16:35:32.417Z``."""
    return _written(moment, "milliseconds")


def in_seconds(moment: float) -> str:
    """``2025-11-25T16:35:32Z``; what is left of the second is dropped."""
    return _written(moment, "seconds")


def _written(moment: float, precision: str) -> str:
    try:
        found = datetime.fromtimestamp(moment, UTC)
    except (OSError, OverflowError, ValueError):
        found = LAST if moment > 0 else FIRST
    return found.isoformat(timespec=precision).removesuffix("+00:00") + "Z"
