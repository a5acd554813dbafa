"""``python -m bench``: run the measurements, print the table, write the JSON. See README.md."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from rich.console import Console

from bench import (
    asynchronous,
    cold,
    crowd,
    growth,
    idle,
    kafka_to_function,
    kinesis_to_function,
    lambda_api,
    large,
    queue_to_function,
    redis_to_function,
    report,
    streaming,
    unpack,
    warm,
)
from bench.figures import Line, Skipped
from bench.programs import Failed
from bench.run import Bench

Measurement = Callable[[Bench], Iterator[Line | Skipped]]

MEASUREMENTS: dict[str, Measurement] = {
    "a": queue_to_function.measure,
    "b": warm.measure,
    "c": cold.measure,
    "d": idle.measure,
    "e": crowd.measure,
    "f": growth.measure,
    "g": unpack.measure,
    "h": large.measure,
    "i": streaming.measure,
    "j": kafka_to_function.measure,
    "k": redis_to_function.measure,
    "l": kinesis_to_function.measure,
    "m": asynchronous.measure,
    "n": lambda_api.measure,
}


def main() -> None:
    """Exit code 0 when everything asked for was measured, 1 when something failed, 130 when interrupted."""
    arguments = _arguments()
    console = Console(width=None if sys.stdout.isatty() else 190, highlight=False)
    signal.signal(signal.SIGTERM, _end)
    with tempfile.TemporaryDirectory(prefix="pollerd-bench-", ignore_cleanup_errors=True) as scratch:
        bench = Bench(quick=arguments.quick, deep=arguments.deep, scratch=Path(scratch), say=console.print)
        found: list[Line | Skipped] = []
        try:
            for letter in arguments.only:
                found += _measured(letter, bench)
        except KeyboardInterrupt:
            console.print("interrupted; what was measured until then:")
            sys.exit(130)
        finally:
            report.show(console, found)
            console.print(f"written to {report.save(found, quick=bench.quick)}")
    sys.exit(any(isinstance(line, Skipped) for line in found))


def _measured(letter: str, bench: Bench) -> list[Line | Skipped]:
    """All lines of a measurement; one that fails leaves a reason and the others go on."""
    began = time.monotonic()
    found: list[Line | Skipped] = []
    try:
        found.extend(MEASUREMENTS[letter](bench))
    except Failed as error:
        found.append(Skipped(letter=letter, path=(MEASUREMENTS[letter].__module__), reason=str(error)))
    bench.say(f"({letter}) took {time.monotonic() - began:.0f} s")
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure ours beside a bare loop and peers.")
    parser.add_argument("--only", type=_letters, default=list(MEASUREMENTS), help="letters, e.g. a,c (default: all)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller sizes: 6 minutes instead of 30")
    parser.add_argument("--deep", action="store_true", help="(f) also with 100,000 queued records: minutes more")
    return parser.parse_args()


def _letters(text: str) -> list[str]:
    letters = text.split(",")
    if unknown := [letter for letter in letters if letter not in MEASUREMENTS]:
        raise argparse.ArgumentTypeError(f"no measurement {', '.join(unknown)}; known are {', '.join(MEASUREMENTS)}")
    return letters


def _end(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
