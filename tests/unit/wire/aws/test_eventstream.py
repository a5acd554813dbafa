"""Frames that botocore's own decoder reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from poller.wire.aws.errors import ApiError
from poller.wire.aws.eventstream import LONGEST_PAYLOAD, event, failure, frame, initial
from poller.wire.aws.model import service


def decoded(data: bytes) -> list[tuple[dict[str, Any], bytes]]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(message.headers, message.payload) for message in buffer]


STREAM = service("lambda").shapes["InvokeWithResponseStreamResponseEvent"]


@given(headers=st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=50), max_size=4), payload=st.binary())
def test_a_frame_is_what_botocore_reads(headers: dict[str, str], payload: bytes) -> None:
    assert decoded(frame(headers, payload)) == [(headers, payload)]


def test_a_chunk_is_bytes() -> None:
    headers = {":message-type": "event", ":event-type": "PayloadChunk", ":content-type": "application/octet-stream"}
    assert decoded(event(STREAM, {"PayloadChunk": {"Payload": b"\0a"}})) == [(headers, b"\0a")]
    assert decoded(event(STREAM, {"PayloadChunk": {}})) == [(headers, b"")]


def test_the_end_is_json() -> None:
    [(headers, payload)] = decoded(event(STREAM, {"InvokeComplete": {"ErrorCode": "Unhandled", "LogResult": None}}))
    assert headers[":event-type"] == "InvokeComplete"
    assert headers[":content-type"] == "application/json"
    assert json.loads(payload) == {"ErrorCode": "Unhandled"}


@pytest.mark.parametrize("beyond", [0, 1, LONGEST_PAYLOAD])
def test_what_is_long_comes_in_several_frames(beyond: int) -> None:
    content = bytes(range(256)) * (LONGEST_PAYLOAD // 256) + b"x" * beyond
    frames = decoded(event(STREAM, {"PayloadChunk": {"Payload": content}}))
    assert b"".join(payload for _, payload in frames) == content
    assert max(len(payload) for _, payload in frames) == LONGEST_PAYLOAD
    assert len(frames) == 1 + bool(beyond)


def test_an_error_ends_a_stream() -> None:
    error = ApiError("TooManyRequestsException", "Rate Exceeded.")
    headers = {":message-type": "error", ":error-code": error.code, ":error-message": "Rate Exceeded."}
    assert decoded(failure(STREAM, error)) == [(headers, b"")]


def test_a_sentence_too_long_for_a_header_is_cut() -> None:
    [(headers, _)] = decoded(failure(STREAM, ApiError("ServiceException", "x" * 100_000 + "\udc84")))
    assert headers[":error-message"] == "x" * 32767


def test_an_error_that_a_stream_knows_is_its_exception() -> None:
    tail = service("logs").shapes["StartLiveTailResponseStream"]
    [(headers, payload)] = decoded(failure(tail, ApiError("SessionTimeoutException", "three hours")))
    assert (headers[":message-type"], headers[":exception-type"]) == ("exception", "SessionTimeoutException")
    assert json.loads(payload) == {"message": "three hours"}


def test_what_comes_beside_a_stream_comes_first() -> None:
    [(headers, payload)] = decoded(initial(b'{"a":1}'))
    assert (headers[":event-type"], payload) == ("initial-response", b'{"a":1}')
