"""Which AWS, and as whom: the options of every AWS connector, and what counts as real AWS.

No client library here, since the configuration imports this module: clients are made in ``client.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from connectors.contract import OptionsError

SECRET = {"secret": True}  # field metadata: never shown, logged or rendered; such a field also says repr=False


@dataclass(frozen=True, kw_only=True)
class AwsOptions:
    """Which AWS, and as whom. Under ``aws:`` for all sources; any source may override any of it."""

    region: str = ""
    """AWS region. Empty: AWS_REGION, AWS_DEFAULT_REGION or the profile; then us-east-1."""
    endpoint_url: str = field(default="", metadata={"example": "http://127.0.0.1:4566", "shown": True})
    """Server to talk to instead of AWS, e.g. http://127.0.0.1:4566. Empty: AWS_ENDPOINT_URL or the profile; then AWS itself,
    which needs allow_aws."""
    profile: str = ""
    """Profile of the shared AWS configuration files. Empty: AWS_PROFILE or the default profile."""
    access_key_id: str = field(default="", repr=False, metadata=SECRET)
    """Access key. Empty: environment, profile, instance role, in botocore's order."""
    secret_access_key: str = field(default="", repr=False, metadata=SECRET)
    """Secret of access_key_id."""
    session_token: str = field(default="", repr=False, metadata=SECRET)
    """Session token, for temporary keys."""
    allow_aws: bool = False
    """Whether endpoints of real AWS may be contacted. False: a source that would resolve to one is refused, so that no production
    queue is polled by accident."""


AWS_DOMAINS = (
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "amazonwebservices.com.cn",
    "amazonwebservices.eu",
    "aws",  # the top-level domain is Amazon's: api.aws, on.aws
    "aws.dev",
    "aws.ic.gov",
    "aws.hci.ic.gov",
    "aws.scloud",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "csp.hci.ic.gov",
    "adc-e.uk",
)
"""Domains under which AWS serves its interfaces: the DNS suffixes of all partitions of botocore's endpoint data, and AWS's own."""


def is_aws(url: str) -> bool:
    """Whether a URL's host belongs to AWS, by its name alone; a private name or an address that leads there is not recognised."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    return any(host == domain or host.endswith("." + domain) for domain in AWS_DOMAINS)


def check_endpoint(url: str) -> None:
    """Raise ``OptionsError`` for text that is not the URL of a server. The message never repeats a password."""
    if "@" in url:
        raise OptionsError(
            "endpoint_url", "no user or password in the URL; keys go into access_key_id and secret_access_key"
        )
    try:
        parts = urlsplit(url)
        is_server = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that do not match, a port that is no number
        is_server = False
    if not is_server:
        raise OptionsError("endpoint_url", f"{url!r} is not the URL of a server, such as http://127.0.0.1:4566")
