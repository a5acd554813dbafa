from __future__ import annotations

import pytest

from poller.settings.listen import is_loopback, listen_address
from poller.settings.references import FunctionReference, function_reference, is_number, loaded_reference


@pytest.mark.parametrize(("text", "parts"), [
    ("my-function", FunctionReference("my-function")),
    ("my-function:prod", FunctionReference("my-function", "prod")),
    ("my-function:7", FunctionReference("my-function", "7")),
    ("my-function:$LATEST", FunctionReference("my-function", "$LATEST")),
    ("123456789012:function:f", FunctionReference("f", "", "123456789012")),
    ("arn:aws:lambda:us-west-2:123456789012:function:f", FunctionReference("f", "", "123456789012", "us-west-2")),
    ("arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f:3", FunctionReference("f", "3", "123456789012", "us-gov-west-1")),
])  # fmt: skip
def test_a_function_s_name_is_taken_apart(text: str, parts: FunctionReference) -> None:
    assert function_reference(text) == parts
    assert loaded_reference(text) == parts


@pytest.mark.parametrize("text", ["", "a b", "f:", "f:a:b", "x" * 65, "arn:aws:sqs:us-east-1:123456789012:q", "f\n"])
def test_other_texts_name_no_function(text: str) -> None:
    assert function_reference(text) is None
    with pytest.raises(ValueError, match="is no function's name"):
        loaded_reference(text)


@pytest.mark.parametrize(("text", "target"), [
    ("orders", "orders"),
    ("orders:live", "orders:live"),
    ("arn:aws:lambda:us-west-2:123456789012:function:orders", "orders"),
    ("arn:aws:lambda:us-west-2:123456789012:function:orders:$LATEST", "orders:$LATEST"),
])  # fmt: skip
def test_a_target_keeps_the_qualifier_as_it_was_written(text: str, target: str) -> None:
    assert loaded_reference(text).target == target


def test_a_version_is_digits_alone() -> None:
    assert [is_number(text) for text in ("3", "007", "", "v3", "٣", "$LATEST")] == [True, True, *[False] * 4]


@pytest.mark.parametrize(("text", "address"), [
    ("127.0.0.1:9870", ("127.0.0.1", 9870)),
    ("127.1.2.3:0", ("127.1.2.3", 0)),
    ("[::1]:80", ("::1", 80)),
    ("localhost:65535", ("localhost", 65535)),
    ("0.0.0.0:80", ("0.0.0.0", 80)),
    ("[::]:80", ("::", 80)),
])  # fmt: skip
def test_an_address_is_split(text: str, address: tuple[str, int]) -> None:
    assert listen_address(text) == address


@pytest.mark.parametrize("text", [
    "", "9870", ":9870", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:٣",
    "::1:80", "[127.0.0.1]:80",
    "example.org:80", "http://127.0.0.1:80",
])  # fmt: skip
def test_anything_else_is_no_address_to_listen_on(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected address|is no IP address"):
        listen_address(text)


@pytest.mark.parametrize(("host", "alone"), [
    ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True),
    ("0.0.0.0", False), ("::", False), ("192.168.0.1", False), ("::ffff:10.0.0.1", False),
])  # fmt: skip
def test_only_loopback_addresses_are_this_hosts_alone(host: str, alone: bool) -> None:
    assert is_loopback(host) is alone
