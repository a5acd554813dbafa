from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from redis.crc import key_slot

from connectors.contract import OptionsError
from connectors.redis.keys import beside, tag


@given(st.text(alphabet="ab{}:", min_size=1, max_size=12))
def test_keys_of_our_own_lie_in_the_slot_of_the_key(key: str) -> None:
    """By the client's own reckoning; a key that can have none there is refused."""
    assert key_slot(tag(key).encode()) == key_slot(key.encode())
    try:
        ours = beside("list", key, "leases")
    except OptionsError:
        assert "}" in key
        return
    assert key_slot(ours.encode()) == key_slot(key.encode())


@example(["orders", "{orders}"])
@given(st.lists(st.text(alphabet="ab{}:", min_size=1, max_size=8), min_size=2, max_size=2, unique=True))
def test_different_keys_have_different_ones(keys: list[str]) -> None:
    try:
        assert beside("list", keys[0], "leases") != beside("list", keys[1], "leases")
    except OptionsError:
        assert any("}" in key for key in keys)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("orders", "{orders}:pollerd:x"),
        ("{orders}", "{orders}:pollerd::x"),
        ("{shop}:orders", "{shop}:orders:pollerd:x"),
        ("a{b", "{a{b}:pollerd:x"),
    ],
)
def test_how_they_are_called(key: str, expected: str) -> None:
    assert beside("list", key, "x") == expected
