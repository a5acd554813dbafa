"""`http`: the daemon's port, and who may call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.aws.options import SECRET
from poller.settings.model.metadata import NAME


@dataclass(frozen=True, kw_only=True)
class KeySettings:
    """One access key of the Lambda API, and what it may be used for."""

    secret_access_key: str = field(
        repr=False, metadata=SECRET | {"pattern": r"\S{16,128}", "words": "16 to 128 characters without blanks"}
    )
    """The secret that clients sign their requests with."""
    read_only: bool = False
    """Whether it is good for reading only: operations called Get, List, Describe or Filter, and dry runs of Invoke."""
    functions: Sequence[str] = field(
        default=(),
        metadata={
            "pattern": NAME["keys"],
            "words": NAME["keys_words"],
            "example": ["orders"],
        },
    )
    """Functions that it is limited to, by name: operations that name another one, or none (ListFunctions, layers, a mapping by its UUID),
    are refused. Empty: all."""


@dataclass(frozen=True, kw_only=True)
class TlsSettings:
    """TLS of the HTTP port. The files are PEM."""

    certificate: str = field(metadata={"path": True, "example": "./tls/pollerd.pem"})
    """Certificate of the port, with those between it and a root behind it."""
    private_key: str = field(metadata={"path": True, "example": "./tls/pollerd.key"})
    """Its private key, without a password."""
    client_ca: str = field(default="", metadata={"path": True, "example": "./tls/clients.pem"})
    """Certificates that sign clients'. With it the API asks every caller for a certificate, besides a signature where there are `keys`.
    Empty: clients need none."""


@dataclass(frozen=True, kw_only=True)
class HttpSettings:
    """The daemon's one HTTP port: Lambda API, health, metrics."""

    listen: str = "127.0.0.1:9870"
    """Address and port. Another one than loopback takes `keys`, or `tls` with client_ca. Port 0 takes a free one."""
    keys: Mapping[str, KeySettings] = field(
        default_factory=dict,
        metadata={
            "keys": r"[a-zA-Z0-9_-]{1,128}",
            "keys_words": "an access key id: 1 to 128 letters, digits, hyphens and underscores",
            "example": "pollerd-admin",
        },
    )
    """Access keys, by id. With any, requests to the API must be signed with one (AWS Signature Version 4, as every AWS client does);
    without, who reaches the port may do everything."""
    tls: TlsSettings | None = field(
        default=None,
        metadata={"example": {"certificate": "./tls/pollerd.pem", "private_key": "./tls/pollerd.key"}},
    )
    """TLS. Absent: plain HTTP; signatures keep requests from being changed, not from being read."""
    token: str = field(
        default="",
        repr=False,
        metadata=SECRET | {"pattern": r"(\S{16,})?", "words": "16 or more characters without blanks"},
    )
    """What /metrics, /healthz, /readyz and /_pollerd take as `Authorization: Bearer ...` where other machines reach the port; a client's
    certificate does as well, and so does the state folder's token. Set, it is asked for on loopback, too."""
