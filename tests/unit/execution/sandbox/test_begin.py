"""What a process on its way to its program tells the spawner."""

from __future__ import annotations

import pytest

from poller.execution.sandbox.spawner.begin import refused, told

NUMBER = b"4711\n"
WORDS = [2, "No such file or directory", "/no/such"]
WHY = refused(2, "No such file or directory", "/no/such")


@pytest.mark.parametrize("said", [NUMBER + WHY, WHY + NUMBER])
def test_a_number_and_a_refusal_are_told_apart_in_either_order(said: bytes) -> None:
    """A child may have failed before its parent has told its number."""
    assert told(said) == (4711, WORDS)


def test_either_may_be_missing() -> None:
    assert [told(said) for said in (b"", NUMBER, WHY)] == [(0, []), (4711, []), (0, WORDS)]
