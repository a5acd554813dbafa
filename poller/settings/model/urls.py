"""`function_urls`, and a function's `url`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from poller.settings.model.metadata import between


@dataclass(frozen=True, kw_only=True)
class FunctionUrlsSettings:
    """The port of the functions' URLs."""

    listen: str = "127.0.0.1:9871"
    """Address and port, opened when a function has a `url`; it serves each under the host name of its own that the log shows. Addresses
    other than loopback are reachable from other machines, and whoever reaches a URL with auth_type NONE runs the function. Port 0 takes
    a free one."""
    domain: str = field(
        default="localhost",
        metadata={
            "pattern": r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*",
            "words": "a domain name in lower case",
        },
    )
    """What host names end in: `<id>.lambda-url.<region>.localhost`. Names under localhost lead to this machine by themselves, in browsers,
    curl and most resolvers; any other domain wants a wildcard record."""


@dataclass(frozen=True, kw_only=True)
class CorsSettings:
    """Which web pages of other origins may call a URL (Lambda API reference, Cors)."""

    allow_origins: Sequence[str] = field(default=(), metadata={"example": ["https://www.example.com"]})
    """Origins, or "*" for all. At most 100."""
    allow_methods: Sequence[str] = field(
        default=(), metadata={"choices": ("GET", "PUT", "HEAD", "POST", "PATCH", "DELETE", "*"), "example": ["GET"]}
    )
    """Methods that they may use. At most 6."""
    allow_headers: Sequence[str] = field(default=(), metadata={"example": ["content-type"]})
    """Headers that they may send. At most 100."""
    expose_headers: Sequence[str] = field(default=(), metadata={"example": ["x-amzn-requestid"]})
    """Headers of the answer that they may read. At most 100."""
    allow_credentials: bool = False
    """Whether they may send cookies."""
    max_age_seconds: int = field(default=0, metadata=between(0, 86400))
    """Seconds for which browsers may remember all this."""


@dataclass(frozen=True, kw_only=True)
class UrlSettings:
    """An HTTP address of a function, or of one of its aliases (Lambda API reference, FunctionUrlConfig)."""

    auth_type: str = field(metadata={"choices": ("NONE", "AWS_IAM"), "example": "NONE"})
    """NONE: everybody may call it. AWS_IAM: who signs with one of http.keys that is good for the function."""
    invoke_mode: str = field(default="BUFFERED", metadata={"choices": ("BUFFERED", "RESPONSE_STREAM")})
    """BUFFERED: the answer is sent when it is whole, up to 6 MB. RESPONSE_STREAM: as it comes, up to 200 MB."""
    cors: CorsSettings | None = field(default=None, metadata={"example": {"allow_origins": ["*"]}})
    """Absent: the function sees to it itself, preflight requests included."""
    port: int | None = field(default=None, metadata=between(1, 65535) | {"example": 9900})
    """A port of its own beside the common one, at the same address and under any host name. Absent: none."""
