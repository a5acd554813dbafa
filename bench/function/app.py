"""The handler of every measurement: counts its records in the file that TALLY names, if any, and succeeds; for (h) it echoes.

PAUSE: seconds that it takes for each batch, as one that waits for a database does; "" for none.
"""

from __future__ import annotations

import os
import time
from typing import Any

TALLY = os.environ.get("TALLY")
FILE = os.open(TALLY, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644) if TALLY else -1
PAUSE = float(os.environ.get("PAUSE") or 0)


def handler(event: dict[str, Any], _context: Any) -> Any:
    """One batch, or one echo."""
    if PAUSE:
        time.sleep(PAUSE)
    if TALLY:
        os.write(FILE, b"%d %d\n" % (time.time_ns(), _count(event)))
    return event["pad"] if "echo" in event else {}


def _count(event: dict[str, Any]) -> int:
    """Records of an event; Kafka's has them by partition."""
    return len(event["Records"]) if "Records" in event else sum(map(len, event["records"].values()))
