"""What web pages of other origins are told."""

from __future__ import annotations

import pytest

from poller.envelope.url.cors import Cors, is_preflight

PAGE = "https://www.example.com"


def test_a_preflight_is_told_what_is_configured() -> None:
    cors = Cors(allow_origins=[PAGE], allow_methods=["GET", "PUT"], allow_headers=["x-a", "x-b"], max_age=60)
    assert dict(cors.preflight(PAGE)) == {
        "access-control-allow-origin": PAGE,
        "vary": "Origin",
        "access-control-allow-methods": "GET,PUT",
        "access-control-allow-headers": "x-a,x-b",
        "access-control-max-age": "60",
    }
    assert cors.preflight("https://elsewhere.example.com") == []


def test_everybody_is_a_star_unless_cookies_are_allowed() -> None:
    assert dict(Cors(allow_origins=["*"]).preflight(PAGE)) == {
        "access-control-allow-origin": "*",
        "access-control-max-age": "0",
    }
    found = dict(Cors(allow_origins=["*"], allow_credentials=True).preflight(PAGE))
    assert (found["access-control-allow-origin"], found["access-control-allow-credentials"]) == (PAGE, "true")


@pytest.mark.parametrize("origin", [PAGE, "https://elsewhere.example.com", ""])
def test_what_is_configured_replaces_what_the_function_says(origin: str) -> None:
    cors = Cors(allow_origins=[PAGE], expose_headers=["x-one"])
    given = [("Access-Control-Allow-Origin", "*"), ("access-control-expose-headers", "x-two"), ("X-One", "1")]
    found = cors.over(given, origin)
    ours = [("access-control-allow-origin", PAGE), ("vary", "Origin"), ("access-control-expose-headers", "x-one")]
    assert found == [("X-One", "1"), *(ours if origin == PAGE else [])]


def test_only_a_browser_s_question_is_a_preflight() -> None:
    assert is_preflight("OPTIONS", PAGE, "PUT")
    assert not is_preflight("OPTIONS", PAGE, "")
    assert not is_preflight("OPTIONS", "", "PUT")
    assert not is_preflight("GET", PAGE, "PUT")
