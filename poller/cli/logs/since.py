"""How far back, as people write it."""

from __future__ import annotations

import argparse
import re
import time
from datetime import UTC, datetime

_SPAN = re.compile(r"(\d+)([smhdw])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def moment(text: str) -> int:
    """Milliseconds since 1970 of ``10m`` ago, or of a time in ISO 8601; without a zone it is this host's. Raises ArgumentTypeError."""
    span = _SPAN.fullmatch(text)
    try:
        ago = int(span[1]) * _SECONDS[span[2]] if span else 0
        seconds = time.time() - ago if span else datetime.fromisoformat(text).astimezone(UTC).timestamp()
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a span like 10m nor a time in ISO 8601") from error
    return max(0, int(seconds * 1000))
