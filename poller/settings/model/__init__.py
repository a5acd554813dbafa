"""The typed configuration: what may stand in pollerd.yaml, what each key means, its unit and why its default is what it is.

Keys are AWS's field names in snake_case with the unit spelled out. The text under a field is the documentation that
``config/pollerd.yaml``, the JSON Schema and the option table are rendered from. Defaults are promises (one test lists them).
A module a section; what the metadata of a field means is in metadata.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from poller.settings.model.account import AccountSettings
from poller.settings.model.asynchronous import (
    AsynchronousSettings,
    DeadLetterSettings,
    EventInvokeSettings,
    InvocationDestinationSettings,
    InvocationDestinationsSettings,
)
from poller.settings.model.composition import Composition
from poller.settings.model.functions import (
    AliasSettings,
    FileSystemConfig,
    FunctionSettings,
    LoggingSettings,
    RemoteSettings,
)
from poller.settings.model.http import HttpSettings, KeySettings, TlsSettings
from poller.settings.model.images import ContainerSettings, ImageCode, ImageConfig
from poller.settings.model.logs import FunctionLogsSettings, LogSettings, ShipSettings
from poller.settings.model.mappings import DestinationSettings, MappingSettings, OnFailureSettings, SourceSettings
from poller.settings.model.metadata import NAME, between
from poller.settings.model.urls import CorsSettings, FunctionUrlsSettings, UrlSettings

__all__ = [
    "AccountSettings",
    "AliasSettings",
    "AsynchronousSettings",
    "Composition",
    "ContainerSettings",
    "CorsSettings",
    "DeadLetterSettings",
    "DestinationSettings",
    "EventInvokeSettings",
    "FileSystemConfig",
    "FunctionLogsSettings",
    "FunctionSettings",
    "FunctionUrlsSettings",
    "HttpSettings",
    "ImageCode",
    "ImageConfig",
    "InvocationDestinationSettings",
    "InvocationDestinationsSettings",
    "KeySettings",
    "LogSettings",
    "LoggingSettings",
    "MappingSettings",
    "OnFailureSettings",
    "RemoteSettings",
    "Settings",
    "ShipSettings",
    "SourceSettings",
    "TlsSettings",
    "UrlSettings",
]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The whole configuration."""

    state: str = field(default="./state", metadata={"path": True})
    """Folder for unpacked code and what must outlive a restart; relative to the configuration file."""
    concurrency: int = field(default=1000, metadata=between(1))
    """Invocations at once over all functions: the account limit of this daemon."""
    sandbox: str = field(default="auto", metadata={"choices": ("auto", "bubblewrap", "none")})
    """What keeps functions apart from the host and from each other. auto: bubblewrap where this host allows it, else none; the log and
    /readyz say which. bubblewrap: that or no start. none: functions run as the daemon's user and see its files."""
    stop_timeout_seconds: float = field(default=30, metadata=between(1))
    """Seconds from SIGTERM to exit; three quarters of them for running invocations to finish."""
    allow_deprecated_runtimes: bool = False
    """Whether calls may make functions with runtimes that AWS takes no more (python3.7, provided, ...). False: they are refused in its
    words. Files may name them in any case; `pollerd check` tells which this host can start."""
    reload_on_change: bool = False
    """Whether the configuration is read again when its files change, as on SIGHUP. False: on SIGHUP and `pollerd reload` only."""
    http: HttpSettings = field(default_factory=HttpSettings)
    """The daemon's HTTP port."""
    function_urls: FunctionUrlsSettings = field(default_factory=FunctionUrlsSettings)
    """Where functions with a `url` are reached over HTTP."""
    log: LogSettings = field(default_factory=LogSettings)
    """What is written to standard error."""
    function_logs: FunctionLogsSettings = field(default_factory=FunctionLogsSettings)
    """What functions log, and what is kept of it."""
    aws: AccountSettings = field(default_factory=AccountSettings)
    """Which AWS sources and functions talk to, unless they say otherwise."""
    container: ContainerSettings = field(default_factory=ContainerSettings)
    """The container engine, for functions with driver: container."""
    asynchronous: AsynchronousSettings = field(default_factory=AsynchronousSettings)
    """Asynchronous invocations, beyond what AWS lets be said of them."""
    functions: Mapping[str, FunctionSettings] = field(
        default_factory=dict, metadata=NAME | {"example": "orders", "shown": True}
    )
    """The functions, by name."""
    event_source_mappings: Mapping[str, MappingSettings] = field(
        default_factory=dict, metadata=NAME | {"example": "orders-queue", "shown": True}
    )
    """The mappings, by name."""
