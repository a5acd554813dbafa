"""Epoch seconds -> the ISO 8601 texts that AWS writes, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def with_milliseconds(moment: float) -> str:
    """``2025-11-25T16:35:32.417Z``."""
    return _written(moment, "milliseconds")


def in_seconds(moment: float) -> str:
    """``2025-11-25T16:35:32Z``; what is left of the second is dropped."""
    return _written(moment, "seconds")


def _written(moment: float, precision: str) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec=precision).removesuffix("+00:00") + "Z"
