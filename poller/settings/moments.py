"""Points in time as people write them: ISO 8601 with a zone, or seconds since 1970. Pure."""

from __future__ import annotations

import math
from datetime import datetime

_EARLIEST, _LATEST = 0.0, 253402300799.0  # 1970 to 9999: what a datetime of any zone can say


def moment(written: str | float) -> float:
    """Epoch seconds. A text of digits is a number. Raises ``ValueError`` with a sentence, remedy included."""
    if isinstance(written, str):
        return _read(written.strip())
    if not (math.isfinite(written) and _EARLIEST <= written <= _LATEST):
        raise ValueError(f"{written:g} is no time in seconds since 1970")
    return float(written)


def _read(text: str) -> float:
    if text.replace(".", "", 1).isdecimal():
        return moment(float(text))
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time; write it as in 2026-11-01T09:30:00Z") from None
    if found.tzinfo is None:
        raise ValueError(
            f"{text!r} does not say in which zone; write {found.isoformat()}Z for UTC, or +02:00 behind it"
        )
    return moment(found.timestamp())
