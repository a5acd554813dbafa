"""Times as AWS writes them, whatever time it is."""

from __future__ import annotations

import math

import pytest

from poller.envelope.moments import in_seconds, with_milliseconds


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1764088530.882, "2025-11-25T16:35:30.882Z"),
        (-0.001, "1969-12-31T23:59:59.999Z"),
        (1764088530882.0, "9999-12-31T23:59:59.999Z"),
        (1e300, "9999-12-31T23:59:59.999Z"),
        (math.inf, "9999-12-31T23:59:59.999Z"),
        (-1e300, "0001-01-01T00:00:00.000Z"),
    ],
)
def test_times(moment: float, written: str) -> None:
    assert with_milliseconds(moment) == written
    assert in_seconds(moment) == f"{written[:19]}Z"
