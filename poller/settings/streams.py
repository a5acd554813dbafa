"""What must hold for the keys that mean something for streams: the source is one, and can do what is asked; the keys bear each other.

AWS takes some of them for some streams only (Lambda DG, parameters by source). Here what the source's records carry decides. Two
combinations are refused as there, since they have no meaning: a tumbling window with filters, or with several lanes.
"""

from __future__ import annotations

from collections.abc import Iterator

from connectors.contract import Capabilities
from poller import envelope
from poller.settings.model import MappingSettings
from poller.settings.moments import moment
from poller.settings.nodes import Keys
from poller.settings.problems import Finding

YOUNGEST_LIMIT = 60
"""Seconds. Less is in the range of the API, and refused by the service (Lambda API reference, MaximumRecordAgeInSeconds)."""

REDRIVE = "this source hands out again what failed, by itself; how often, and where it goes then, is its redrive policy's business"
ONCE = "this source hands out each record once, and keeps nothing: what failed is gone"
KEEPERS = "leave it out; a queue keeps what failed, and so does a stream, which takes this key"
_OF_QUEUES = {
    "starting_position": (
        "only a stream can be read from a position on; a queue hands out what it has",
        "leave it out",
    ),
    "starting_position_timestamp": ("only a stream can be read from a time on", "leave it out"),
    "parallelization_factor": (
        "only a stream's partitions are divided into lanes",
        "leave it out: batches run in parallel anyway, up to maximum_concurrency",
    ),
    "tumbling_window_seconds": ("only a stream has records in an order that windows can be laid over", "leave it out"),
    "bisect_batch_on_function_error": (
        REDRIVE,
        "function_response_types: [ReportBatchItemFailures] keeps good records from coming again",
    ),
    "maximum_retry_attempts": (REDRIVE, "set maxReceiveCount there"),
    "maximum_record_age_seconds": (REDRIVE, "set the queue's own retention or message timers"),
    "destination_config": (REDRIVE, "set a dead-letter queue there"),
}
"""Key -> what is said of it where the source is a queue, and what to do instead."""

_OF_SOURCES = {
    "parallelization_factor": ("key_field",),
    "maximum_retry_attempts": ("maximum_receives",),
    "destination_config": ("dead_letter_list", "dead_letter_queue"),
}
"""Key -> options by which sources that have them do the same."""

LONGEST_TIMEOUTS = {"kafka": 840}
"""Seconds, by the shape of a source's events: what the service bears there of functions (Lambda DG, Kafka)."""


def check_stream(keys: Keys, mapping: MappingSettings, able: Capabilities, now: float) -> Iterator[Finding]:
    """Findings about one mapping whose values could all be read. now: epoch seconds."""
    if not able.stream:
        defaults = MappingSettings(source=mapping.source, function=mapping.function)
        for key, (sentence, hint) in _OF_QUEUES.items():
            if getattr(mapping, key) != getattr(defaults, key):
                if sentence is REDRIVE and not able.redelivers:
                    yield Finding((*keys, key), ONCE, KEEPERS)
                else:
                    yield Finding((*keys, key), sentence, _own(mapping.source.options, key) or hint)
        return
    yield from _start(keys, mapping, able, now)
    if mapping.parallelization_factor > 1 and not able.keyed:
        sentence = "records of this source have no keys to divide them by"
        hint = _own(mapping.source.options, "parallelization_factor") or "leave it out"
        yield Finding((*keys, "parallelization_factor"), sentence, hint)
    yield from _age(keys, mapping, able)
    yield from _window(keys, mapping, able)


def _own(options: object, key: str) -> str:
    """The source's own option to use instead of a key; "" when it has none."""
    return next((f"set the source's {name}" for name in _OF_SOURCES.get(key, ()) if hasattr(options, name)), "")


def check_timeout(keys: Keys, seconds: float, able: Capabilities) -> Iterator[Finding]:
    """Findings about how long the function of a mapping may take. keys: of what says so."""
    longest = LONGEST_TIMEOUTS.get(able.envelope)
    if longest is not None and seconds > longest:
        sentence = f"a function that is fed from {able.envelope} may take at most {longest} seconds, not {seconds:g}"
        yield Finding(keys, sentence, f"set its timeout_seconds to {longest} or less")


def _start(keys: Keys, mapping: MappingSettings, able: Capabilities, now: float) -> Iterator[Finding]:
    start, timestamp = mapping.starting_position, mapping.starting_position_timestamp
    if start is not None and start not in able.starting_positions:
        known = ", ".join(able.starting_positions)
        yield Finding((*keys, "starting_position"), f"this source cannot be read from {start} on", f"it knows {known}")
    elif start == "AT_TIMESTAMP" and timestamp is None:
        sentence = "AT_TIMESTAMP needs starting_position_timestamp"
        yield Finding(
            (*keys, "starting_position"), sentence, 'as in starting_position_timestamp: "2026-11-01T00:00:00Z"'
        )
    if timestamp is None:
        return
    keys = (*keys, "starting_position_timestamp")
    if start != "AT_TIMESTAMP":
        yield Finding(
            keys, "this key has a meaning with starting_position: AT_TIMESTAMP only", "leave out one or add the other"
        )
    try:
        if moment(timestamp) > now:
            yield Finding(keys, "this time is in the future", "LATEST reads what comes from now on")
    except ValueError as error:
        yield Finding(keys, str(error))


def _age(keys: Keys, mapping: MappingSettings, able: Capabilities) -> Iterator[Finding]:
    age, keys = mapping.maximum_record_age_seconds, (*keys, "maximum_record_age_seconds")
    if 0 <= age < YOUNGEST_LIMIT:
        yield Finding(keys, f"{age} is too short: {YOUNGEST_LIMIT} or more, or -1 for no limit")
    elif age != -1 and not able.timed:
        yield Finding(
            keys,
            "records of this source do not tell how old they are",
            "leave it out; maximum_retry_attempts ends retries",
        )


def _window(keys: Keys, mapping: MappingSettings, able: Capabilities) -> Iterator[Finding]:
    keys = (*keys, "tumbling_window_seconds")
    if not mapping.tumbling_window_seconds:
        return
    if not able.timed:
        yield Finding(keys, "records of this source do not tell which window they belong to", "leave it out")
    if mapping.parallelization_factor > 1:
        yield Finding(keys, "a window's state is handed on in one lane", "leave out parallelization_factor")
    if mapping.filter_criteria:
        yield Finding(keys, "a window takes every record, and filter_criteria leave some out", "filter in the function")
    if mapping.envelope and not envelope.tumbling(mapping.envelope):
        yield Finding(
            keys, f"an event of envelope {mapping.envelope} has no place for a window's state", "leave out envelope"
        )
