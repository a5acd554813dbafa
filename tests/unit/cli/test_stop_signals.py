"""Signals before, while and after the daemon runs."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from poller.cli.stop_signals import NUMBERS, StopSignals

LOADING = """
import time
from poller import cli
def load(name):
    print("loading", name, flush=True)
    time.sleep(60)
cli.importlib.import_module = load
cli.main(["run"])
"""


@pytest.fixture
def signals() -> Iterator[StopSignals]:
    """Python keeps them, or ignores them, until it ends; a test gives them back."""
    before = {number: signal.getsignal(number) for number in NUMBERS}
    yield StopSignals()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_while_nothing_was_begun_is_a_clean_end(signals: StopSignals, number: signal.Signals) -> None:
    with pytest.raises(SystemExit) as end, signals:
        signal.raise_signal(number)
    assert end.value.code == 0


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_is_told_to_whoever_asked_last(signals: StopSignals, number: signal.Signals) -> None:
    first: list[signal.Signals] = []
    last: list[signal.Signals] = []
    with signals:
        signals.tell(first.append)
        signal.raise_signal(number)
        signals.tell(last.append)
        signal.raise_signal(number)
        signal.raise_signal(number)
    signal.raise_signal(number)  # at the very end: nobody is left to be told
    assert (first, last) == ([number], [number, number])


@pytest.mark.parametrize("number", NUMBERS)
def test_a_daemon_that_is_still_loading_stops_with_exit_code_0(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", LOADING], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loading poller.cli.run\n"
        process.send_signal(number)
        assert process.wait(30) == 0
