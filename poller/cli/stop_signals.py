"""SIGTERM and SIGINT, from the first line of the program to its last. Standard library only: it is in force before anything else is loaded.

Python's own behaviour in their place: SIGTERM ends the process by the signal, SIGINT with a stack trace. asyncio's handlers live no
longer than its loop, and Python takes its own handlers away before it ends, so a signal in the second that loading takes, or in the
last moments, would find neither.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType

NUMBERS = (signal.SIGTERM, signal.SIGINT)

Told = Callable[[signal.Signals], object]


class StopSignals:
    """What a signal does now: end the program with exit code 0 while nothing was begun; then whatever ``tell`` was given.

    A context manager: on leaving it signals are ignored for good, since what is left is only the end of the program.
    """

    def __init__(self) -> None:
        self._told: Told = _end

    def __enter__(self) -> None:
        for number in NUMBERS:
            signal.signal(number, self._came)

    def __exit__(self, *_: object) -> None:
        for number in NUMBERS:
            signal.signal(number, signal.SIG_IGN)

    def tell(self, told: Told) -> None:
        """Called for each signal from now on, between any two steps of whatever runs; raises nothing and is quick."""
        self._told = told

    def _came(self, number: int, _: FrameType | None) -> None:
        self._told(signal.Signals(number))


def _end(_: signal.Signals) -> None:
    sys.exit(0)


STOP_SIGNALS = StopSignals()
"""A process has one set of signal handlers."""
