"""Typed facts: what happened, in one value. Call sites emit a fact; counters and log lines follow from it (metrics.py, logs.py).

Names are a noun and a past verb, with ``Error`` behind if it is one. Counts are records unless said otherwise; durations
are seconds. A fact never carries a secret or a record's body.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class Fact:
    """Base of all facts. Nobody changes one, frozen or not; to freeze costs as much as all the rest of making one."""

    __slots__ = ()


Emit = Callable[[Fact], None]
"""Where facts go. Synchronous, cheap, never raises."""


@dataclass(slots=True, kw_only=True)
class FunctionLogged(Fact):
    """One record of an environment's log: the platform's own (START, END, REPORT, INIT_REPORT), or output of the function or an extension.

    request_id: "" outside an invocation. line: without its last newline, of several lines where the runtime's client says that they
    belong together; undecodable bytes replaced. platform: in the function's log format, text or a JSON object.
    log_group, log_stream: as the function finds them in its variables.
    """

    function: str
    log_group: str
    log_stream: str
    request_id: str
    line: str
    platform: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStoreFailedError(Fact):
    """Events of logs could not be stored; they wait, up to a limit, and are stored later. retry_seconds: when that is tried again."""

    message: str
    retry_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LogShippingFailedError(Fact):
    """Events of logs could not be sent to CloudWatch Logs; they wait, up to a limit. retry_seconds: when that is tried again."""

    kind: str
    message: str
    retry_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEventsDropped(Fact):
    """Events of logs that are missing, and will be. place: store, or shipping. why: a sentence."""

    place: str
    count: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentStarted(Fact):
    """INIT ended. error_type: "" when the environment is ready."""

    function: str
    environment: str
    init_seconds: float
    error_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentStopped(Fact):
    """An environment is gone.

    reason: idle, drain, recycle (old), cut (its invocation was cancelled), died, reset (a provisioned one that would need INIT again),
    init (a provisioned one whose INIT failed), defect.
    """

    function: str
    environment: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentAwaited(Fact):
    """An invocation stood in line until an environment was free or started."""

    function: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationPlaced(Fact):
    """A function with provisioned concurrency runs an event: in a provisioned environment, or beside them (spillover)."""

    function: str
    provisioned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationEnded(Fact):
    """One invocation and its end. version: executed. status: success, error, timeout, failure (as in Telemetry's runtimeDone)."""

    function: str
    request_id: str
    status: str
    error_type: str
    seconds: float
    cold: bool
    version: str = "$LATEST"


@dataclass(slots=True, kw_only=True)
class EventAccepted(Fact):
    """An asynchronous event is on the disk."""

    function: str


@dataclass(slots=True, kw_only=True)
class EventStarted(Fact):
    """An asynchronous event is run for the first time. seconds: since it was accepted."""

    function: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRetried(Fact):
    """An asynchronous event is going to be run again. attempts: that failed; counted: whether this was one, or nobody could run it."""

    function: str
    request_id: str
    attempts: int
    counted: bool
    delay: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDropped(Fact):
    """An asynchronous event was given up for good. condition: as in its record. invoke_count: runs.

    destinations: that are going to be told; 0: it is among the failures of the state file. why: of the last run, or instead of one.
    """

    function: str
    request_id: str
    condition: str
    invoke_count: int
    destinations: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDelivered(Fact):
    """A destination has the record of an asynchronous event, or a dead-letter target the event."""

    function: str
    dead_letter: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPostponedError(Fact):
    """A destination or dead-letter target of asynchronous events did not take one. retry_seconds: until it is told again."""

    function: str
    request_id: str
    target: str
    message: str
    retry_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFailedError(Fact):
    """The same, for good: it is among the failures of the state file."""

    function: str
    request_id: str
    target: str
    dead_letter: bool
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailuresForgotten(Fact):
    """The oldest failures of the state file made way for new ones."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFailedError(Fact):
    """The state file did not serve what waits in it. retry_seconds: until it is asked again; nothing is lost meanwhile."""

    part: str
    message: str
    retry_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFailedError(Fact):
    """The server of a function elsewhere did not say what became of an invocation. kind: unreachable, refused, throttled, timeout."""

    function: str
    kind: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageResolved(Fact):
    """A function's image is known, and stays the same until the daemon is started anew. digest: of its manifest."""

    image: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFailedError(Fact):
    """A container engine did not do what it was asked. verb: image, remove, sweep."""

    verb: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOpened(Fact):
    """A mapping's source is connected. label: account, region, queue."""

    mapping: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFailedError(Fact):
    """A source did not do what it was asked, or the store of a stream's checkpoints.

    verb: open, fetch, settle, extend; of the store: mark, take. retry_seconds: when it is asked again.
    """

    mapping: str
    verb: str
    kind: str
    message: str
    retry_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsPolled(Fact):
    """A fetch returned; 0 for an empty one."""

    mapping: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsFiltered(Fact):
    """Records that no filter let through."""

    mapping: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCut(Fact):
    """A batch is ready to go. reason: size, bytes, window, poll (what one receive returned), stop."""

    mapping: str
    count: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJudged(Fact):
    """The function's answer to a batch. verdict: delivered, partial, failed. why: for people; "" when delivered.

    partition: of a stream, which all records of a batch are of; "" of a queue.
    """

    mapping: str
    function: str
    request_id: str
    verdict: str
    delivered: int
    failed: int
    why: str
    partition: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRetried(Fact):
    """A batch of a stream is going to be tried again. attempts: made of it; delay: until the next one. request_id: stays the same."""

    mapping: str
    partition: str
    request_id: str
    count: int
    attempts: int
    delay: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchBisected(Fact):
    """A failed batch of a stream goes on as two halves, each with attempts of its own."""

    mapping: str
    partition: str
    request_id: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsDiscarded(Fact):
    """Records of a stream were given up for good. condition: as in failure records. first, last: positions; "" without records.

    stored: there is a failure record at the mapping's destination; False: it has none, and this is all that is left of them. request_id,
    why: of the last attempt, as BatchJudged has them; "" when there was none.
    """

    mapping: str
    partition: str
    condition: str
    count: int
    first: str
    last: str
    stored: bool
    request_id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationFailedError(Fact):
    """A failure record could not be stored; its lane waits. retry_seconds: until that is tried again.

    known: the same was told since the destination took something last.
    """

    mapping: str
    partition: str
    kind: str
    message: str
    retry_seconds: float
    known: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationRecovered(Fact):
    """The destination takes failure records again."""

    mapping: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsResumed(Fact):
    """Records that were done before a restart and came again, since others before them were not. They are not run again."""

    mapping: str
    partition: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionsRevoked(Fact):
    """Partitions that are no longer ours to read. dropped: records that were in hand, not started, and belong to the next reader."""

    mapping: str
    partitions: tuple[str, ...]
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IteratorAged(Fact):
    """An invocation with records of a stream ended. seconds: since the last of them arrived (IteratorAge)."""

    mapping: str
    partition: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamCaughtUp(Fact):
    """A fetch found nothing more. behind: partitions that have records in hand all the same; told until there are none."""

    mapping: str
    behind: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowEnded(Fact):
    """A tumbling window's last event is dealt with. end: epoch seconds. early: its state was past 1 MB."""

    mapping: str
    partition: str
    end: float
    early: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsSettled(Fact):
    """The source took these settlements. outcome: delivered, filtered, rejected, retry, released."""

    mapping: str
    outcome: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsUnsettledError(Fact):
    """The source did not take these. final: they will come again although the function has dealt with them."""

    mapping: str
    count: int
    reason: str
    final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseFoundShort(Fact):
    """A source's lease is shorter than what a batch may take. why: a sentence with both numbers, and what to do."""

    mapping: str
    lease_seconds: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseLostError(Fact):
    """Records came back to the source while they were still ours: known duplicates."""

    mapping: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PollersChanged(Fact):
    """How many tasks poll a mapping's source now."""

    mapping: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsSaved(Fact):
    """How far a mapping has come in its stream is in the state file. count: partitions."""

    mapping: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionMoved(Fact):
    """A mapping goes on elsewhere than reading would have. partition: "" for all there will be. before, after: "" where there is none."""

    mapping: str
    partition: str
    before: str
    after: str
    who: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopBegan(Fact):
    """The daemon drains. seconds: until what runs is cut."""

    reason: str
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
    """The configuration files were read again and are in force. How many functions and mappings they have."""

    functions: int
    mappings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationRefusedError(Fact):
    """The configuration files were read again and cannot be used; everything runs on as before."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxChosen(Fact):
    """What keeps functions apart while this daemon runs. why: there is no sandbox although one was wanted; else ""."""

    sandbox: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortOpened(Fact):
    """The daemon's HTTP port listens."""

    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAnswered(Fact):
    """A request to the API has its answer. operation: "" when it named none. code: of the error, "" when there is none.

    caller: the access key id that proved right, "" where none is asked for or none was proved. address: where the request came from.
    """

    operation: str
    code: str
    status: int
    seconds: float
    caller: str
    address: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlOpened(Fact):
    """A function is reached under this URL. function: with the alias, if it is one's. auth_type: NONE or AWS_IAM."""

    function: str
    url: str
    auth_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlPortFailedError(Fact):
    """A port of function URLs cannot be opened after a change; what was served before still is, and nothing new."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlAnswered(Fact):
    """A request to a URL has its answer. function: as above; "" where no URL was meant. seconds: until all of it was sent."""

    function: str
    status: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlAnswerUnusable(Fact):
    """What a function said is no HTTP answer, so its client was told that it failed (502)."""

    function: str
    request_id: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DefectFoundError(Fact):
    """Something of ours failed that must never fail. trace: where; the part named is started anew after retry_seconds."""

    part: str
    message: str
    trace: str
    retry_seconds: float
