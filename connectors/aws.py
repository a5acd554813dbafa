"""What every AWS connector shares: the options that say which AWS, and how a client is made from them. Not a connector."""

from __future__ import annotations

from dataclasses import dataclass, field

SECRET = {"secret": True}  # field metadata: never shown, logged or rendered


@dataclass(frozen=True, kw_only=True)
class AwsOptions:
    """Which AWS, and as whom. Under ``aws:`` for all sources; any source may override any of it."""

    region: str = ""
    """AWS region. Empty: AWS_REGION, AWS_DEFAULT_REGION or the profile; then us-east-1."""
    endpoint_url: str = ""
    """Server to talk to instead of AWS, e.g. http://127.0.0.1:4566. Empty: AWS_ENDPOINT_URL or the profile; then AWS itself, which needs allow_aws."""
    profile: str = ""
    """Profile of the shared AWS configuration files. Empty: AWS_PROFILE or the default profile."""
    access_key_id: str = field(default="", metadata=SECRET)
    """Access key. Empty: environment, profile, instance role, in botocore's order."""
    secret_access_key: str = field(default="", metadata=SECRET)
    """Secret of access_key_id."""
    session_token: str = field(default="", metadata=SECRET)
    """Session token, for temporary keys."""
    allow_aws: bool = False
    """Whether endpoints of real AWS may be contacted. False: a source that would resolve to one is refused, so that no production queue is polled by accident."""
