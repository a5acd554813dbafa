"""`log` and `function_logs`: what is written, and what is kept of what functions write."""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.aws.options import AwsOptions
from poller.settings.model.metadata import between


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """What the daemon and its functions write to standard error."""

    format: str = field(default="auto", metadata={"choices": ("auto", "text", "json")})
    """auto: text on a terminal, JSON lines otherwise."""
    level: str = field(default="info", metadata={"choices": ("debug", "info", "warning", "error")})
    """Least severe level written. Output of functions is written at info."""


@dataclass(frozen=True, kw_only=True)
class ShipSettings(AwsOptions):
    """Which CloudWatch Logs, or what server that speaks it, gets a copy of functions' logs. What is left out is as under `aws`."""

    log_group_prefix: str = field(
        default="",
        metadata={
            "pattern": r"[.\-_/#A-Za-z0-9]{0,128}",
            "words": "up to 128 letters, digits and . - _ / #",
            "example": "/staging",
        },
    )
    """What the names of log groups begin with there: /staging makes /staging/aws/lambda/orders. Groups and streams are made as needed."""


@dataclass(frozen=True, kw_only=True)
class FunctionLogsSettings:
    """What functions log, kept in the state folder and read with `pollerd logs`, or as CloudWatch Logs at the daemon's port."""

    keep: bool = True
    """Whether it is kept. It goes to standard error in any case."""
    retention_days: float = field(default=14, metadata=between(0.001, 3653))
    """Events older than this go. A log group may have a shorter retention of its own (PutRetentionPolicy)."""
    max_mb: int = field(default=256, metadata=between(1))
    """Size that the store may have on disk, in millions of bytes; beyond it the oldest events of all groups go. An invocation of a few
    lines takes 60 bytes where there are many, and 400 where they are rare."""
    ship: ShipSettings | None = field(default=None, metadata={"example": {"endpoint_url": "http://127.0.0.1:4566"}})
    """Send a copy to CloudWatch Logs, kept here or not: in order, with a second's delay, from memory. What cannot be sent while 16 MB wait,
    or at the daemon's end, is dropped and counted."""
