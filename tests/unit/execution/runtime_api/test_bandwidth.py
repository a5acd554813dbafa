"""The pace of streams: a pure rule."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from poller.execution.runtime_api.bandwidth import BURST, RATE, Bucket


@given(st.lists(st.integers(1, 3 * 1024 * 1024), min_size=1, max_size=30))
def test_a_stream_is_never_faster_than_burst_and_rate(sizes: list[int]) -> None:
    bucket = Bucket(0.0)
    now, sent = 0.0, 0
    for size in sizes:
        now += bucket.take(size, now)
        sent += size
        assert sent <= BURST + RATE * now + 1
    assert now <= max(0, sent - BURST) / RATE + 0.126
