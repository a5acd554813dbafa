"""How many inputs the API is tried with: each test tells its number, and the run's summary has the sum."""

from __future__ import annotations

import os

TIMES = int(os.environ.get("FUZZ", "1"))
"""So many times as many as usual: FUZZ=25 make test ARGS=tests/integration/api."""
PROPERTY = "inputs tried"


class Tried:
    """A count."""

    def __init__(self) -> None:
        self.count = 0

    def one(self) -> None:
        """Another one is tried."""
        self.count += 1
