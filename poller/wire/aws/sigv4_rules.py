"""What a signed request must fulfil besides a right signature: scope, age, what is signed of it. Each raises ApiError with AWS's text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from poller.wire.aws.errors import ApiError

SKEW_SECONDS = 300
"""How far a client's clock may be off, and how long a signature in headers is good for (AWS General Reference, Signature Version 4)."""
STAMP = "%Y%m%dT%H%M%SZ"
INVALID = "InvalidSignatureException"
INCOMPLETE = "IncompleteSignatureException"

_TERMINATOR = "aws4_request"
_WRITTEN = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What signatures must be for."""

    region: str
    service: str


def moment(stamp: str) -> datetime:
    """The time of ``20261125T093000Z``, written exactly so."""
    try:
        if found := _WRITTEN.fullmatch(stamp):
            year, month, day, hour, minute, second = map(int, found.groups())
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        pass
    raise ApiError(INCOMPLETE, "Date must be in ISO-8601 'basic format'. Got a date of another form.")


def is_fresh(sent: datetime, seconds: int, now: float) -> None:
    """seconds: how long the signature is good for. now: seconds since 1970."""
    age = now - sent.timestamp()
    if -SKEW_SECONDS <= age <= seconds:
        return
    today = datetime.fromtimestamp(now, UTC)
    stamp, shown = sent.strftime(STAMP), today.strftime(STAMP)
    if age > 0:
        earliest = (today - timedelta(seconds=seconds)).strftime(STAMP)
        good_for = f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"
        raise ApiError(INVALID, f"Signature expired: {stamp} is now earlier than {earliest} ({shown} - {good_for}.)")
    latest = (today + timedelta(seconds=SKEW_SECONDS)).strftime(STAMP)
    raise ApiError(INVALID, f"Signature not yet current: {stamp} is still later than {latest} ({shown} + 5 min.)")


def is_for(scoped: str, scope: Scope, stamp: str) -> None:
    """scoped: what stands behind the key's id, ``date/region/service/aws4_request``. stamp: when it was signed."""
    parts = scoped.split("/")
    if len(parts) != 4:  # noqa: PLR2004 - date, region, service, terminator
        raise ApiError(
            INCOMPLETE, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."
        )
    date, region, service, terminator = parts
    if date != stamp[:8]:
        raise ApiError(
            INVALID,
            f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{date}' != '{stamp[:8]}', "
            f"from '{stamp}'.",
        )
    if region != scope.region:
        raise ApiError(
            INVALID, f"Credential should be scoped to a valid region, not '{region}'; here it is '{scope.region}'."
        )
    if service != scope.service:
        raise ApiError(INVALID, f"Credential should be scoped to correct service: '{scope.service}'.")
    if terminator != _TERMINATOR:
        raise ApiError(
            INVALID, f"Credential should be scoped with a valid terminator: '{_TERMINATOR}', not '{terminator}'."
        )


def signs_headers(present: AbstractSet[str], names: Sequence[str]) -> None:
    """present: names of all headers. names: those that are signed.

    The host must be, and all that have a meaning of AWS's; else somebody on the way could change what is asked.
    """
    if "host" not in names:
        raise ApiError(INVALID, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    if list(names) != sorted(set(names)):
        raise ApiError(INCOMPLETE, "'SignedHeaders' must be in order, each name once.")
    for name in names:
        if name not in present:
            raise ApiError(INVALID, f"The header '{name}' was signed, but is not there.")
    for name in sorted(present):
        if name.startswith("x-amz-") and name not in names:
            raise ApiError(INVALID, f"There is a header that was not signed and must be: '{name}'.")


def signs_body(headers: Mapping[str, str]) -> None:
    """Unless the whole body is signed as one."""
    said = headers.get("x-amz-content-sha256", "")
    chunked = "aws-chunked" in headers.get("content-encoding", "").lower()
    if chunked or said.startswith("STREAMING-"):
        raise ApiError(
            INVALID, "Bodies in signed chunks (aws-chunked, STREAMING-...) are not taken: sign the whole body."
        )
    if said == "UNSIGNED-PAYLOAD":
        raise ApiError(INVALID, "UNSIGNED-PAYLOAD is not taken: sign the whole body.")
