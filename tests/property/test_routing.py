"""Over many invocations a share is a share, and no version ever runs that has none."""

from __future__ import annotations

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from poller.dispatch.routing import Split

MANY = 2000


@given(share=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_shares_come_out_as_they_were_given(share: float, seed: int) -> None:
    draw = random.Random(seed).random
    split = Split("1", "2", share)
    second = sum(split.pick(draw()) == "2" for _ in range(MANY))
    spread = math.sqrt(MANY * share * (1 - share))
    assert abs(second - MANY * share) <= 6 * spread + 1


@given(share=st.sampled_from([0.0, 1.0]), draw=st.floats(0, 1, exclude_max=True))
def test_a_share_of_nothing_and_one_of_all_are_exact(share: float, draw: float) -> None:
    assert Split("1", "2", share).pick(draw) == ("2" if share else "1")


@given(low=st.floats(0, 1), high=st.floats(0, 1), draw=st.floats(0, 1, exclude_max=True))
def test_a_growing_share_takes_nobody_back(low: float, high: float, draw: float) -> None:
    low, high = sorted((low, high))
    if Split("1", "2", low).pick(draw) == "2":
        assert Split("1", "2", high).pick(draw) == "2"
