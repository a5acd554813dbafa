"""Whatever comes over HTTP is an event, whatever a function says is an answer or is told to be none, however it is cut."""

from __future__ import annotations

import contextlib
import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from poller.envelope.url.answer import Unusable, answer
from poller.envelope.url.event import Arrival, HttpRequest, event
from poller.envelope.url.prelude import CONTENT_TYPE, SEPARATOR, Prelude

ARRIVAL = Arrival(url_id="i", domain_name="d", request_id="r", moment=1.0, trace_id="t")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["Host", "Cookie", "cookie", "Content-Type", "X-Forwarded-For", "x-a", "X-A"])
TEXT = st.text(st.characters(exclude_categories=()), max_size=20)  # halves of surrogate pairs too: undecodable bytes


@given(TEXT, st.lists(st.tuples(NAMES, TEXT), max_size=6), st.binary(max_size=40))
def test_any_request_is_an_event(target: str, headers: list[tuple[str, str]], body: bytes) -> None:
    asked = HttpRequest(method="POST", target=f"/{target}", headers=headers, body=body, peer="::1", port=1)
    found = json.loads(event(asked, ARRIVAL))
    assert ("body" in found) == bool(body)
    assert all(name == name.lower() and isinstance(value, str) for name, value in found["headers"].items())
    assert "cookie" not in found["headers"]


@given(
    st.one_of(
        VALUES,
        st.fixed_dictionaries(
            {"statusCode": VALUES}, optional=dict.fromkeys(("headers", "cookies", "body", "isBase64Encoded"), VALUES)
        ),
    )
)
def test_any_value_is_an_answer_or_none(value: object) -> None:
    with contextlib.suppress(Unusable):
        found = answer(json.dumps(value).encode())
        assert 200 <= found.head.status < 600
        assert all("\n" not in name + text and "\r" not in name + text for name, text in found.head.headers)


@given(st.binary(max_size=60), st.lists(st.integers(0, 100), max_size=6))
def test_a_head_is_found_however_the_stream_is_cut(body: bytes, cuts: list[int]) -> None:
    stream = b'{"statusCode":201}' + SEPARATOR + body
    at = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    prelude = Prelude(CONTENT_TYPE)
    found = b"".join(prelude.feed(stream[begin:end]) for begin, end in itertools.pairwise(at))
    assert (prelude.end().status, found) == (201, body)
