"""The daemon's life: its start, its configuration, its mappings, its end."""

from __future__ import annotations

from dataclasses import dataclass

from poller.observe.events.fact import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class StopBegan(Fact):
    """The daemon drains. seconds: until what runs is cut."""

    reason: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressMissedError(Fact):
    """Mappings of which nothing was heard for so long, without a reason: the watchdog is not fed, and the service manager will act."""

    mappings: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StopEnded(Fact):
    """The daemon is down. unfinished: records and asynchronous events cut, which may come twice."""

    unfinished: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingStarted(Fact):
    """A mapping begins to look for its source."""

    mapping: str
    function: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingEnded(Fact):
    """A mapping is no longer part of the configuration, and has ended. unfinished: records cut in flight, which come again elsewhere."""

    mapping: str
    unfinished: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationReloaded(Fact):
    """The configuration files were read again and are in force. functions, mappings: those whose settings or code differ, came or went."""

    functions: tuple[str, ...]
    mappings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationRefusedError(Fact):
    """The configuration files were read again and cannot be used; everything runs on as before."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PortOpened(Fact):
    """The daemon's HTTP port listens."""

    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DefectFoundError(Fact):
    """Something of ours failed that must never fail. trace: where; the part named is started anew after retry_seconds."""

    part: str
    message: str
    trace: str
    retry_seconds: float
