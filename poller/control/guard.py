"""Who may see what the port shows beside the API, and change things under ``/_pollerd``.

On loopback everybody may see. Where other machines reach the port, or where the configuration sets a token or asks for certificates,
``Authorization: Bearer`` has ``http.token`` or the state folder's token, or the client a certificate. Changing always takes a token.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from secrets import compare_digest

import orjson
from aiohttp import web

from poller.control.token import token
from poller.settings.listen import is_loopback, listen_address
from poller.settings.model import HttpSettings

Page = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Guard:
    """Of one daemon. state: the state folder, where its token is."""

    def __init__(self, http: HttpSettings, state: Path) -> None:
        self.use(http)
        self._state = state

    def use(self, http: HttpSettings) -> None:
        """Go by these settings from now on."""
        host, _ = listen_address(http.listen)
        self.asks = asks(http) or not is_loopback(host)
        self._token = http.token

    def page(self, show: Page) -> Page:
        """The same page, for those who may see it."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if self.asks and not (request.get_extra_info("peercert") or self.has_token(request)):
                return refusal("this takes the token of http.token or of the daemon's state folder")
            return await show(request)

        return handle

    def has_token(self, request: web.Request) -> bool:
        """Whether a request bears one of the two tokens. Raises OSError when the state folder's cannot be read."""
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        known = [token(self._state), *([self._token] if self._token else [])]
        matches = [compare_digest(given.encode("utf-8", "surrogateescape"), word.encode()) for word in known]
        return kind == "Bearer" and any(matches)


def asks(http: HttpSettings) -> bool:
    """Whether the configuration itself wants to know who sees its pages."""
    return bool(http.token) or (http.tls is not None and bool(http.tls.client_ca))


def refusal(sentence: str) -> web.Response:
    """401, with a sentence."""
    body = orjson.dumps({"message": sentence}, option=orjson.OPT_APPEND_NEWLINE)
    headers = {"WWW-Authenticate": "Bearer"}
    return web.Response(body=body, status=HTTPStatus.UNAUTHORIZED, headers=headers, content_type="application/json")
