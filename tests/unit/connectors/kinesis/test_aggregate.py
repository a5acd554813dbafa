from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.kinesis.aggregate import Inner, hash_of, lies_in, unpack
from tests.aggregates import pack, seal

RECORDED = bytes.fromhex(
    "f3899ac20a05616c7068610a0462657461120531323334351a0908001a0566697273741a0f080110001a0900ff207365636f6e641a0908001a05"
    "7468697264ebe0d774fd22dcdd8da66d7b854958ec"
)
"""What aws-kinesis-agg 1.2.3, AWS's own library, makes of three records, the second with the explicit hash key 12345."""


def test_what_awss_own_library_packs_is_unpacked() -> None:
    assert unpack(RECORDED) == [
        Inner("alpha", 58606826522850340945736240254012750329, b"first"),
        Inner("beta", 12345, b"\x00\xff second"),
        Inner("alpha", 58606826522850340945736240254012750329, b"third"),
    ]
    assert hash_of("alpha") == 58606826522850340945736240254012750329


def test_the_packer_of_these_tests_packs_like_awss_own() -> None:
    assert pack([("alpha", None, b"first"), ("beta", 12345, b"\x00\xff second"), ("alpha", None, b"third")]) == RECORDED


@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=40), st.none() | st.integers(0, 2**128 - 1), st.binary(max_size=300))
    )
)
def test_what_is_packed_is_unpacked(records: list[tuple[str, int | None, bytes]]) -> None:
    assert unpack(pack(records)) == [
        Inner(key, hash_of(key) if explicit is None else explicit, data) for key, explicit, data in records
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"plain",
        b"\xf3\x89\x9a\xc2",
        b"\xf3\x89\x9a\xc2 and no digest worth the name",
        RECORDED[:-1],
        RECORDED[:30] + b"x" + RECORDED[31:],
        seal(b"\x1a\x05\x08\x00"),  # cut off
        seal(b"\x1a\x02\x08\x00"),  # a record without data
        seal(b"\x1a\x04\x08\x07\x1a\x00"),  # of a key that is not in the table
        seal(b"\x0b"),  # a wire type that protobuf no longer has
        seal(b"\xff" * 12),  # a number without an end
        seal(b"\x0a\x01\xff"),  # a key that is no text
    ],
)
def test_what_is_no_aggregate_is_a_record_like_any_other(data: bytes) -> None:
    assert unpack(data) is None


@given(st.binary(max_size=60))
@example(b"\x08\x01\x15\x00\x00\x00\x00\x19\x00\x00\x00\x00\x00\x00\x00\x00")
def test_no_message_is_too_strange(message: bytes) -> None:
    unpack(seal(message))


def test_unknown_fields_are_passed_over() -> None:
    message = RECORDED[4:-16] + b"\x28\x05" + b"\x35\x00\x00\x00\x00" + b"\x39" + bytes(8) + b"\x42\x01x"
    assert unpack(seal(message)) == unpack(RECORDED)


def test_a_record_belongs_to_the_shard_of_its_hash_key() -> None:
    inner = Inner("key", 100, b"")
    assert lies_in(inner, (100, 200))
    assert lies_in(inner, (0, 100))
    assert not lies_in(inner, (101, 200))
