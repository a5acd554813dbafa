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
class TemplatePassedOver(Fact):
    """A SAM or CloudFormation template asks for something that is not served. place: file, line and column; what: resource and property."""

    place: str
    what: str
    why: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopLagged(Fact):
    """The event loop looked at the clock. seconds: how much later than it had set itself to."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StateWritten(Fact):
    """A transaction on the state file is over. count: things in it. failed: it changed nothing."""

    count: int
    seconds: float
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPostponed(Fact):
    """The state file did not take what was done with mappings. count: things that wait to be recorded, with the next one."""

    count: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpansDropped(Fact):
    """Spans that nobody will see. reason: full (more than may wait came), refused (the collector did not take them). why: a sentence."""

    count: int
    reason: str
    why: str
