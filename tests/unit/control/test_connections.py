"""What a request tells of the port that it came to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from poller.control.connections import reached


class Connection(asyncio.Transport):
    """One that somebody has opened to an address of ours."""

    def __init__(self, **facts: Any) -> None:
        super().__init__(facts)


@pytest.mark.parametrize(
    ("headers", "facts", "url"),
    [
        ({"Host": "lambda.internal"}, {}, "http://lambda.internal"),
        ({"Host": "10.0.0.1:9870"}, {"sslcontext": object()}, "https://10.0.0.1:9870"),
        ({}, {"sockname": ("10.0.0.1", 9870)}, "http://10.0.0.1:9870"),
        ({}, {"sockname": ("fd00::1", 9870, 0, 0)}, "http://[fd00::1]:9870"),
    ],
)
def test_the_port_is_where_the_caller_has_reached_it(headers: dict[str, str], facts: dict[str, Any], url: str) -> None:
    asked = make_mocked_request(
        "GET", "/", headers=headers, transport=Connection(**facts), sslcontext=facts.get("sslcontext")
    )
    assert reached(asked) == url
