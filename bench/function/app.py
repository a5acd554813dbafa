"""The handler of every measurement: counts its records in the file that TALLY names, if any, and succeeds; for (h) it echoes."""

from __future__ import annotations

import os
import time
from typing import Any

TALLY = os.environ.get("TALLY")
FILE = os.open(TALLY, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644) if TALLY else -1


def handler(event: dict[str, Any], _context: Any) -> Any:
    """One batch, or one echo."""
    if TALLY:
        os.write(FILE, b"%d %d\n" % (time.time_ns(), len(event["Records"])))
    return event["pad"] if "echo" in event else {}
