"""What functions say, and what clients get for it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from poller.envelope.url.answer import HttpAnswer, Unusable, answer
from poller.envelope.url.prelude import MOST, SEPARATOR, Prelude

GOLDEN = Path(__file__).parents[3] / "golden/events/function-url"
INTEGRATION = "application/vnd.awslambda.http-integration-response"


def said(value: Any) -> HttpAnswer:
    return answer(json.dumps(value).encode())


@pytest.mark.parametrize(
    ("value", "body"),
    [
        ("hello", b"hello"),
        (3, b"3"),
        (3.1, b"3.1"),
        (True, b"true"),
        (None, b"null"),
        (["hello", 3, True], b'["hello",3,true]'),
        ({"a": [1, "ü"]}, '{"a":[1,"ü"]}'.encode()),
        (10**30, b"1" + b"0" * 30),
    ],
)
def test_a_value_without_a_status_is_the_body(value: Any, body: bytes) -> None:
    found = said(value)
    assert (found.head.status, found.head.headers, found.body) == (200, [("content-type", "application/json")], body)


def test_an_object_with_a_status_is_an_answer() -> None:
    found = answer((GOLDEN / "response.json").read_bytes())
    assert found.head.status == 201
    assert found.head.headers == [
        ("Content-Type", "application/json"),
        ("My-Custom-Header", "Custom Value"),
        ("set-cookie", "Cookie_1=Value1; Expires=21 Oct 2021 07:48 GMT"),
        ("set-cookie", "Cookie_2=Value2; Max-Age=78000"),
    ]
    assert found.body == b'{ "message": "Hello, world!" }'


def test_a_status_may_be_a_text_and_a_body_base64() -> None:
    found = said({"statusCode": "418", "body": base64.b64encode(b"\x00\xff").decode(), "isBase64Encoded": True})
    assert (found.head.status, found.body) == (418, b"\x00\xff")
    assert found.head.headers == [("content-type", "application/json")]


def test_headers_about_the_connection_are_not_the_function_s() -> None:
    headers = {"Content-Length": "3", "Transfer-Encoding": "chunked", "X-N": 3, "X-B": False, "X-None": None}
    found = said({"statusCode": 200, "headers": headers})
    assert found.head.headers == [("content-type", "application/json"), ("X-N", "3"), ("X-B", "false")]


@pytest.mark.parametrize(
    "value",
    [
        {"statusCode": "fine"},
        {"statusCode": 99},
        {"statusCode": 101},
        {"statusCode": 600},
        {"statusCode": True},
        {"statusCode": None},
        {"statusCode": 200.5},
        {"statusCode": 200, "headers": []},
        {"statusCode": 200, "headers": {"X": "a\r\nSet-Cookie: b"}},
        {"statusCode": 200, "headers": {"X y": "a"}},
        {"statusCode": 200, "headers": {"X": ["a"]}},
        {"statusCode": 200, "cookies": "a=1"},
        {"statusCode": 200, "cookies": ["a\nb"]},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "body": "%", "isBase64Encoded": True},
    ],
)
def test_what_is_no_answer_says_why(value: Any) -> None:
    with pytest.raises(Unusable, match=r"\w"):
        said(value)


@pytest.mark.parametrize("payload", [b"", b"plain", b"\xff", b"{"])
def test_what_is_no_json_is_no_answer(payload: bytes) -> None:
    with pytest.raises(Unusable, match="JSON"):
        answer(payload)


def test_the_head_of_a_stream_comes_before_its_body() -> None:
    prelude = Prelude(INTEGRATION)
    text = json.dumps({"statusCode": 404, "headers": {"X-One": "1"}, "cookies": ["a=1"]}).encode()
    assert prelude.feed(text[:5]) == b""
    assert prelude.head is None
    assert prelude.feed(text[5:] + bytes(3)) == b""
    assert prelude.feed(bytes(5) + b"body") == b"body"
    assert prelude.feed(bytes(8)) == bytes(8)
    head = prelude.end()
    assert head.status == 404
    assert head.headers == [("content-type", "application/octet-stream"), ("X-One", "1"), ("set-cookie", "a=1")]


@pytest.mark.parametrize(("content_type", "shown"), [("", "application/octet-stream"), ("text/html", "text/html")])
def test_a_stream_of_another_type_is_all_body(content_type: str, shown: str) -> None:
    prelude = Prelude(content_type)
    text = b'{"statusCode":404}' + SEPARATOR
    assert prelude.feed(text) == text
    assert (prelude.end().status, prelude.end().headers) == (200, [("content-type", shown)])


@pytest.mark.parametrize("pieces", [[b"{"], [b"[]" + SEPARATOR], [b"{" + SEPARATOR], [b"x" * MOST, b"x"]])
def test_a_head_that_is_none_is_told(pieces: list[bytes]) -> None:
    prelude = Prelude(INTEGRATION)

    def read() -> None:
        for piece in pieces:
            prelude.feed(piece)
        prelude.end()

    with pytest.raises(Unusable):
        read()
