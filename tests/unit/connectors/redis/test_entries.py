from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.redis.entries import Shape, as_object
from connectors.redis.group import chunks, order


@given(st.lists(st.tuples(st.text(), st.text()), max_size=6))
def test_no_field_and_no_value_is_left_out_of_the_object(pairs: list[tuple[str, str]]) -> None:
    found = json.loads(as_object([each.encode() for pair in pairs for each in pair]))
    for name in {name for name, _ in pairs}:
        values = [value for key, value in pairs if key == name]
        assert found[name] == (values if len(values) > 1 else values[0])
    assert len(found) == len({name for name, _ in pairs})


@pytest.mark.parametrize(
    ("data", "key", "body", "expected"),
    [
        ("", "", '{"a":"1","b":"2"}', None),
        ("a", "b", b"1", "2"),
        ("c", "c", b"", None),
    ],
)
def test_body_and_key_are_the_fields_named(data: str, key: str, body: str | bytes, expected: str | None) -> None:
    record = Shape("orders", data, key).record(("1700000000123-4", [b"a", b"1", b"b", b"2"]), 3)
    assert (record.body, record.key, record.receive_count) == (body, expected, 3)
    assert (record.id, record.position, record.arrived) == ("1700000000123-4", "1700000000123-4", 1700000000.123)


@given(st.lists(st.tuples(st.integers(0, 2**48), st.integers(0, 2**64 - 1)), min_size=1))
def test_ids_are_ordered_as_numbers(places: list[tuple[int, int]]) -> None:
    ids = [f"{milliseconds}-{sequence}" for milliseconds, sequence in places]
    assert [order(each) for each in sorted(ids, key=order)] == sorted(places)
    assert order("5") == (5, 0)


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (1000, [1000]), (2001, [1000, 1000, 1])])
def test_ids_are_told_in_chunks(count: int, sizes: list[int]) -> None:
    ids = [str(n) for n in range(count)]
    parts = list(chunks(ids))
    assert [len(part) for part in parts] == sizes
    assert [each for part in parts for each in part] == ids
