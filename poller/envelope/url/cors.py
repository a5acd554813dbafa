"""What web pages of other origins are told about a URL (Lambda API reference, Cors; Fetch standard, CORS protocol).

With a configuration its words replace the function's own, and preflight requests never come to the function.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PREFIX = "access-control-"
Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cors:
    """As configured; "*" stands for everything. max_age: seconds."""

    allow_origins: Sequence[str] = ()
    allow_methods: Sequence[str] = ()
    allow_headers: Sequence[str] = ()
    expose_headers: Sequence[str] = ()
    allow_credentials: bool = False
    max_age: int = 0

    def preflight(self, origin: str) -> Headers:
        """Of the answer to a preflight; nothing for an origin that may not call."""
        headers = self._allowed(origin)
        if not headers:
            return []
        lists = {"allow-methods": self.allow_methods, "allow-headers": self.allow_headers}
        headers += [(f"{PREFIX}{name}", ",".join(values)) for name, values in lists.items() if values]
        return [*headers, (f"{PREFIX}max-age", str(self.max_age))]

    def over(self, given: Iterable[tuple[str, str]], origin: str) -> Headers:
        """Headers of a function's answer, with these in place of its own about the same. origin: of the request, "" without."""
        headers = [(name, value) for name, value in given if not name.lower().startswith(PREFIX)]
        allowed = self._allowed(origin)
        if allowed and self.expose_headers:
            allowed.append((f"{PREFIX}expose-headers", ",".join(self.expose_headers)))
        return headers + allowed

    def _allowed(self, origin: str) -> Headers:
        everybody = "*" in self.allow_origins
        if not origin or not (everybody or origin in self.allow_origins):
            return []
        if everybody and not self.allow_credentials:
            return [(f"{PREFIX}allow-origin", "*")]
        headers = [(f"{PREFIX}allow-origin", origin), ("vary", "Origin")]
        return [*headers, (f"{PREFIX}allow-credentials", "true")] if self.allow_credentials else headers


def is_preflight(method: str, origin: str, requested_method: str) -> bool:
    """Whether a browser asks before it sends something. requested_method: Access-Control-Request-Method."""
    return method == "OPTIONS" and bool(origin and requested_method)
