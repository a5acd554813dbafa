"""AWS Signature Version 4: signing requests, and verifying those signed in the Authorization header or in the query (presigned).

Verifying takes two steps, so that a body is read only for somebody who could be who they say: ``claim`` reads what is claimed and judges
its form, scope and age; ``Claim.verify`` the signature, in constant time, when the body is there. Texts are those of AWS's REST services.

The body has to be signed: UNSIGNED-PAYLOAD and the chunk signatures of STREAMING-... are S3's, and refused.
"""

from __future__ import annotations

import email.utils
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from poller.wire.aws import sigv4_rules as rules
from poller.wire.aws.errors import ApiError
from poller.wire.aws.sigv4_rules import INCOMPLETE, INVALID, STAMP, Scope
from poller.wire.aws.target import Target, encoded

ALGORITHM = "AWS4-HMAC-SHA256"
LONGEST_SECONDS = 7 * 86400
"""The longest that a presigned request may be good for (as above, X-Amz-Expires)."""

_BLANKS = re.compile(r"[ \t]+")
_ONCE = ("authorization", "host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "date")
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. "
    "Consult the service documentation for details."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is signed of a request. method: as sent. headers: all of them, names in lower case, in order."""

    method: str
    target: Target
    headers: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Signed:
    """Of what is signed: its time, a session token or "", the query without the signature."""

    stamp: str
    token: str
    query: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who somebody says to be, unproved. token: a session token, or ""."""

    access_key_id: str
    token: str
    _request: Request
    _signed: _Signed
    _scope: str
    _names: Sequence[str]
    _signature: str

    def verify(self, secret_access_key: str, body: bytes) -> None:
        """Raise ApiError (InvalidSignatureException) unless the request, body included, was signed with this secret."""
        digest = hashlib.sha256(body).hexdigest()
        said = dict(self._request.headers).get("x-amz-content-sha256", digest)
        canonical = _canonical(self._request, self._signed.query, self._names, said)
        signature = _signature(secret_access_key, self._signed.stamp, self._scope, canonical)
        if not (_equal(signature, self._signature) and _equal(said, digest)):
            raise ApiError(INVALID, _MISMATCH)


def access_key_id(request: Request) -> str:
    """The key that a request says it is signed with, nothing of it judged; "" if it says none."""
    query = dict(request.target.query)
    text = dict(request.headers).get("authorization", "")
    found = re.search(r"Credential=([^/,\s]+)/", text)
    return found[1] if found else query.get("X-Amz-Credential", "").partition("/")[0]


def authorization(request: Request, access_key_id: str, secret_access_key: str, scope: Scope, body: bytes) -> str:
    """The Authorization header that signs a request with all of its headers, of which ``x-amz-date`` says when."""
    headers = dict(request.headers)
    stamp, names = headers["x-amz-date"], sorted(headers)
    scoped = f"{stamp[:8]}/{scope.region}/{scope.service}/aws4_request"
    canonical = _canonical(request, request.target.query, names, hashlib.sha256(body).hexdigest())
    signature = _signature(secret_access_key, stamp, scoped, canonical)
    return f"{ALGORITHM} Credential={access_key_id}/{scoped}, SignedHeaders={';'.join(names)}, Signature={signature}"


def claim(request: Request, scope: Scope, now: float) -> Claim:
    """What a request claims. now: seconds since 1970.

    Raises ApiError for one that is not signed, not as it must be, for something else, or at another time.
    """
    for name in _ONCE:
        if sum(own == name for own, _ in request.headers) > 1:
            raise ApiError(INCOMPLETE, f"The header '{name}' must not come more than once.")
    headers = dict(request.headers)
    in_query = any(
        name in {"X-Amz-Signature", "X-Amz-Credential", "X-Amz-Algorithm"} for name, _ in request.target.query
    )
    if in_query and "authorization" in headers:
        raise ApiError(INCOMPLETE, "A request is signed in the Authorization header or in the query, not in both.")
    if not in_query and "authorization" not in headers:
        raise ApiError("MissingAuthenticationTokenException", "Missing Authentication Token")
    rules.signs_body(headers)
    return _from_query(request, scope, now) if in_query else _from_header(request, headers, scope, now)


def _from_header(request: Request, headers: Mapping[str, str], scope: Scope, now: float) -> Claim:
    algorithm, _, rest = headers["authorization"].strip().partition(" ")
    _is_known(algorithm)
    pairs = [part.strip().partition("=") for part in rest.split(",")]
    parts = _once(
        [(name, value) for name, _, value in pairs],
        ("Credential", "SignedHeaders", "Signature"),
        "Authorization header",
    )
    sent, stamp = _sent(headers)
    signed = _Signed(stamp, headers.get("x-amz-security-token", ""), request.target.query)
    claimed = _claim(request, parts, signed, scope)
    rules.is_fresh(sent, rules.SKEW_SECONDS, now)
    return claimed


def _from_query(request: Request, scope: Scope, now: float) -> Claim:
    names = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
    given = [(name.removeprefix("X-Amz-"), value) for name, value in request.target.query if name.startswith("X-Amz-")]
    parts = _once(given, names, "AWS query-string", prefix="X-Amz-")
    _is_known(parts["Algorithm"])
    sent, expires = rules.moment(parts["Date"]), parts["Expires"]
    if not (expires.isascii() and expires.isdigit()) or not 0 < int(expires[:9]) <= LONGEST_SECONDS:
        raise ApiError(INCOMPLETE, f"'X-Amz-Expires' must be a number of seconds between 1 and {LONGEST_SECONDS}.")
    query = [(name, value) for name, value in request.target.query if name != "X-Amz-Signature"]
    claimed = _claim(request, parts, _Signed(parts["Date"], dict(given).get("Security-Token", ""), query), scope)
    rules.is_fresh(sent, int(expires), now)
    return claimed


def _claim(request: Request, parts: Mapping[str, str], signed: _Signed, scope: Scope) -> Claim:
    key, _, scoped = parts["Credential"].partition("/")
    rules.is_for(scoped, scope, signed.stamp)
    names = parts["SignedHeaders"].split(";")
    rules.signs_headers({name for name, _ in request.headers}, names)
    return Claim(
        access_key_id=key,
        token=signed.token,
        _request=request,
        _signed=signed,
        _scope=scoped,
        _names=names,
        _signature=parts["Signature"],
    )


def _is_known(algorithm: str) -> None:
    if algorithm != ALGORITHM:
        raise ApiError(INCOMPLETE, f"Unsupported AWS 'algorithm': '{algorithm}'. Must be '{ALGORITHM}'.")


def _once(given: Iterable[tuple[str, str]], names: Sequence[str], place: str, prefix: str = "") -> dict[str, str]:
    """What is given under each name; none may be missing or come twice."""
    found: dict[str, str] = {}
    for name, value in given:
        if name in found and name in names:
            raise ApiError(INCOMPLETE, f"{place} must not have more than one '{prefix}{name}' parameter.")
        found[name] = value
    missing = [f"{place} requires '{prefix}{name}' parameter." for name in names if not found.get(name)]
    if missing:
        raise ApiError(INCOMPLETE, " ".join(missing))
    return found


def _sent(headers: Mapping[str, str]) -> tuple[datetime, str]:
    """When a request says it was signed, and as it stands in the signature."""
    if "x-amz-date" in headers:
        return rules.moment(headers["x-amz-date"]), headers["x-amz-date"]
    if "date" not in headers:
        raise ApiError(
            INCOMPLETE, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
    try:
        moment = email.utils.parsedate_to_datetime(headers["date"])
    except ValueError:
        return rules.moment(headers["date"]), headers["date"]
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment, moment.strftime(STAMP)


def _signature(secret_access_key: str, stamp: str, scope: str, canonical: str) -> str:
    text = "\n".join([ALGORITHM, stamp, scope, hashlib.sha256(_bytes(canonical)).hexdigest()])
    return hmac.digest(_signing_key(secret_access_key, scope), _bytes(text), "sha256").hex()


@lru_cache(maxsize=64)
def _signing_key(secret_access_key: str, scope: str) -> bytes:
    """The same for a day: one for each key in use. scope: judged before, so that nobody fills this with others."""
    key = f"AWS4{secret_access_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _canonical(request: Request, query: Sequence[tuple[str, str]], names: Sequence[str], digest: str) -> str:
    pairs = sorted((encoded(name), encoded(value)) for name, value in query)
    headers = [f"{name}:{_values(request.headers, name)}\n" for name in names]
    path = "/".join(encoded(segment) for segment in request.target.path.split("/"))
    return "\n".join(
        [
            request.method,
            path,
            "&".join(f"{name}={value}" for name, value in pairs),
            "".join(headers),
            ";".join(names),
            digest,
        ]
    )


def _values(headers: Sequence[tuple[str, str]], name: str) -> str:
    return ",".join(_BLANKS.sub(" ", value.strip()) for own, value in headers if own == name)


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(_bytes(one), _bytes(other))


def _bytes(text: str) -> bytes:
    """As it was on the wire: what was no UTF-8 there too."""
    return text.encode("utf-8", "surrogateescape")
