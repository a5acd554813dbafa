"""An HTTP request as a function behind a URL gets it (Lambda DG, Invoking Lambda function URLs: payload format 2.0).

Headers that tell of TLS are absent: there is none here.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, unquote_plus

ANONYMOUS = "anonymous"
"""The account of whoever calls a URL that asks for no signature."""

_TEXTUAL = ("text", "json", "xml", "javascript")
"""What the content type of a body has in it that may come as text (observed in recordings: forms come in base64)."""

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request. target: path and query as sent. headers: as sent, in order. peer: IP address of the client. port: that it came to."""

    method: str
    target: str
    headers: Pairs
    body: bytes
    peer: str
    port: int
    protocol: str = "HTTP/1.1"

    def header(self, name: str) -> str:
        """The values of a header (name in lower case), joined; "" without one."""
        return _joined(self.headers).get(name, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What the platform knows of a request. url_id, domain_name: of the URL. account_id: its owner's, or ANONYMOUS. iam: who signed it.

    moment: seconds since 1970. trace_id: X-Amzn-Trace-Id.
    """

    url_id: str
    domain_name: str
    request_id: str
    moment: float
    trace_id: str
    account_id: str = ANONYMOUS
    iam: Mapping[str, Any] | None = None


def event(request: HttpRequest, arrival: Arrival) -> bytes:
    """The event, JSON. Members that have nothing to say are absent, as in recorded ones."""
    raw_path, _, query = request.target.partition("?")
    path = unquote(raw_path)
    headers = _joined(request.headers)
    cookies = headers.pop("cookie", "")
    body, encoded = _body(request.body, headers.get("content-type", ""))
    whole: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "cookies": [each.strip() for each in cookies.split(";") if each.strip()],
        "headers": headers | _forwarded(headers, request) | {"x-amzn-trace-id": arrival.trace_id},
        "queryStringParameters": _parameters(query),
        "requestContext": _context(request, path, arrival, headers.get("user-agent", "")),
        "body": body,
        "isBase64Encoded": encoded,
    }
    optional = ("cookies", "queryStringParameters", "body")
    said = {name: value for name, value in whole.items() if value or name not in optional}
    return json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def _context(request: HttpRequest, path: str, arrival: Arrival, user_agent: str) -> dict[str, Any]:
    authorizer = {} if arrival.iam is None else {"authorizer": {"iam": arrival.iam}}
    return {
        "accountId": arrival.account_id,
        "apiId": arrival.url_id,
        **authorizer,
        "domainName": arrival.domain_name,
        "domainPrefix": arrival.url_id,
        "http": {
            "method": request.method,
            "path": path,
            "protocol": request.protocol,
            "sourceIp": request.peer,
            "userAgent": user_agent,
        },
        "requestId": arrival.request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(arrival.moment)),
        "timeEpoch": int(arrival.moment * 1000),
    }


def _forwarded(headers: Mapping[str, str], request: HttpRequest) -> dict[str, str]:
    before = headers.get("x-forwarded-for", "")
    return {
        "x-forwarded-for": f"{before}, {request.peer}" if before else request.peer,
        "x-forwarded-proto": "http",
        "x-forwarded-port": str(request.port),
    }


def _joined(pairs: Pairs) -> dict[str, str]:
    """Headers by their names in lower case, several of one name joined; cookies as one header has them."""
    found: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        glue = "; " if key == "cookie" else ","
        found[key] = f"{found[key]}{glue}{value}" if key in found else value
    return found


def _parameters(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, _, value = (unquote_plus(text) for text in part.partition("="))
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _body(body: bytes, content_type: str) -> tuple[str, bool]:
    """As text where its type is textual and its bytes are, else in base64; whether it is."""
    if not body:
        return "", False
    if any(word in content_type.lower() for word in _TEXTUAL):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True
