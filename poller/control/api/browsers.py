"""Keeping web pages from an API that asks for no credentials.

A browser sends a page's requests to 127.0.0.1 as readily as anywhere, and some without asking first. It says whose they are, though:
``Origin`` and ``Sec-Fetch-Site`` are the browser's, not the page's. A page whose own name was made to mean 127.0.0.1 (DNS rebinding) is
same-origin, but betrays itself by ``Host``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from poller.wire.aws.errors import ApiError

_DENIED = "AccessDeniedException"
_TOLD = "Web pages do not call this API: it asks for no credentials (http.keys)."


def refuse_browsers(headers: Mapping[str, str]) -> None:
    """Raise ApiError for a request that a page of somebody else's makes. headers: names in lower case."""
    host = headers.get("host", "")
    origin = headers.get("origin")
    if not _is_here(host):
        raise ApiError(
            _DENIED, f"'{host}' is no address of this host; name it 127.0.0.1 or localhost, or give the API http.keys."
        )
    if origin is not None and origin.partition("://")[2] != host:
        raise ApiError(_DENIED, _TOLD)
    if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        raise ApiError(_DENIED, _TOLD)


@lru_cache(maxsize=64)
def _is_here(host: str) -> bool:
    """Whether a Host header is an IP address or localhost: names that nobody can make mean something else."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        if "@" in host:
            return False
        return name == "localhost" or name.endswith(".localhost") or bool(ipaddress.ip_address(name))
    except ValueError:
        return False
