"""What a process on its way to its program tells the spawner."""

from __future__ import annotations

import pytest

from poller.execution.sandbox.spawner.begin import refused, told

NUMBER = b"4711\n"
WHY = refused(2, "No such file or directory", "/no/such")


@pytest.mark.parametrize("said", [NUMBER + WHY, WHY + NUMBER])
def test_a_number_and_a_refusal_are_told_apart_in_either_order(said: bytes) -> None:
    """A child may have failed before its parent has told its number."""
    assert told(said) == (4711, [2, "No such file or directory", "/no/such"])


@pytest.mark.parametrize(
    ("said", "found"),
    [(b"", (0, [])), (NUMBER, (4711, [])), (WHY, (0, [2, "No such file or directory", "/no/such"]))],
)
def test_either_may_be_missing(said: bytes, found: tuple[int, list[object]]) -> None:
    assert told(said) == found
