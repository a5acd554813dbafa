"""Lines as an environment tells them, at times of the test's choice."""

from __future__ import annotations

from poller.observe.events import FunctionLogged
from poller.observe.log_store import Bounds

GROUP = "/aws/lambda/orders"
NOON = 1_764_072_000_000
"""Milliseconds since 1970."""
PLENTY = Bounds(days=36_500, max_bytes=2**30)


def line(text: str, *, stream: str = "s", group: str = GROUP, platform: bool = False) -> FunctionLogged:
    return FunctionLogged(
        function=group.rpartition("/")[2],
        log_group=group,
        log_stream=stream,
        request_id="r",
        line=text,
        platform=platform,
    )


def at(milliseconds: int, text: str, *, stream: str = "s", group: str = GROUP) -> tuple[int, FunctionLogged]:
    """Milliseconds after noon."""
    return (NOON + milliseconds) * 1_000_000, line(text, stream=stream, group=group)
