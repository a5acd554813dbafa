"""`tracing`: where traces of what the daemon does are sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from poller.settings.model.metadata import between


@dataclass(frozen=True, kw_only=True)
class TracingSettings:
    """Traces for OpenTelemetry: each receive, its batches, their invocations, and what sources and destinations are told."""

    endpoint: str = field(
        default="",
        metadata={
            "pattern": r"(https?://\S+)?",
            "words": "an http:// or https:// URL",
            "example": "http://127.0.0.1:4318/v1/traces",
        },
    )
    """Where spans are sent by OTLP over HTTP, the whole URL. Empty: what OTEL_EXPORTER_OTLP_ENDPOINT and its kin say in the daemon's own
    environment, and http://localhost:4318/v1/traces without."""
    headers: Mapping[str, str] = field(
        default_factory=dict,
        repr=False,
        metadata={
            "secret": True,
            "keys": r"[a-zA-Z0-9-]+",
            "keys_words": "a header's name: letters, digits and hyphens",
            "example": {"api-key": "0123456789abcdef"},
        },
    )
    """Headers of each request, for collectors that want a key. Never shown."""
    service_name: str = "pollerd"
    """What traces say they come from (service.name). Empty: what OTEL_SERVICE_NAME says."""
    sampling_ratio: float = field(default=1.0, metadata=between(0, 1))
    """Share of the traces that begin here which are sent. One that a caller began goes on as the caller decided."""
