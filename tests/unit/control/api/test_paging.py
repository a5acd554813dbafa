"""Pages: all items come once and in their order, whatever the pages' size; markers outlive what they name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poller.control.api.contract import ApiError
from poller.control.api.paging import MOST, page


@given(
    items=st.lists(st.text(min_size=1), unique=True, max_size=130).map(sorted),
    most=st.one_of(st.none(), st.integers(1, 10000)),
)
def test_pages_together_are_the_list(items: list[str], most: int | None) -> None:
    found: list[str] = []
    marker = None
    while True:
        told, marker = page(items, str, {"MaxItems": most, "Marker": marker})
        assert len(told) <= min(most or MOST, MOST)
        found += told
        if marker is None:
            break
    assert found == items


def test_what_is_gone_meanwhile_does_not_end_the_list() -> None:
    _, marker = page(["a", "b", "c"], str, {"MaxItems": 2})
    assert page(["a", "c", "d"], str, {"Marker": marker})[0] == ["c", "d"]


@pytest.mark.parametrize("marker", ["?", "äö", "/w=="])
def test_a_marker_that_is_none_is_refused(marker: str) -> None:
    with pytest.raises(ApiError, match="Invalid Marker"):
        page(["a"], str, {"Marker": marker})
