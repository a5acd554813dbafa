"""What must hold for one mapping beyond the type of each key: its function exists, its source can do what is asked.

Nothing here knows a source: what one can do is read from its capabilities. Whether filter patterns mean anything is for the filter to say.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from connectors import registry
from connectors.aws.options import AwsOptions, is_aws
from connectors.contract import Capabilities, Source
from poller import envelope
from poller.settings.destinations import check_destination
from poller.settings.model import MappingSettings, Settings
from poller.settings.nodes import Keys
from poller.settings.problems import Finding, nearest
from poller.settings.references import LATEST, function_reference, is_number
from poller.settings.streams import check_stream

MOST_FILTERS = 10
"""AWS's raised quota; 5 without asking (Lambda quotas)."""

MOST_PATTERN_CHARACTERS = 4096
"""Of one pattern as JSON text (Lambda API reference, Filter)."""


def source(mapping: MappingSettings) -> Source:
    """The mapping's source, its options being accepted. No I/O."""
    return registry.load(mapping.source.type)(mapping.source.options)


def content(mapping: MappingSettings) -> envelope.Content:
    """Where the mapping's filters find what a record holds, whatever its events look like. No I/O."""
    return envelope.content(source(mapping).capabilities.envelope)


def check_mapping(
    keys: Keys, mapping: MappingSettings, settings: Settings, sound: Callable[[Keys], bool]
) -> Iterator[Finding]:
    """Findings about one mapping. sound: whether the value at these keys could be read."""
    if sound((*keys, "function")):
        yield from _function((*keys, "function"), mapping.function, settings, sound)
    if sound((*keys, "filter_criteria")):
        yield from _filters((*keys, "filter_criteria"), mapping)
    if sound((*keys, "envelope")) and mapping.envelope is not None and mapping.envelope not in envelope.names():
        hint = nearest(mapping.envelope, envelope.names())
        yield Finding((*keys, "envelope"), f"there is no envelope {mapping.envelope!r}", hint)
    # These weigh keys against each other: a mistyped one would be blamed on its neighbour.
    if sound(keys):
        found = source(mapping)
        able = found.capabilities
        yield from _abilities(keys, mapping, able)
        yield from check_stream(keys, mapping, able, time.time())
        yield from _breaker(keys, mapping, settings.aws, stream=able.stream)
        yield from check_destination(keys, mapping, found, settings.aws)


def _breaker(keys: Keys, mapping: MappingSettings, aws: AwsOptions, *, stream: bool) -> Iterator[Finding]:
    breaker, keys = mapping.circuit_breaker, (*keys, "circuit_breaker")
    if breaker is None:
        return
    retries = mapping.maximum_retry_attempts
    if stream and 0 <= retries < breaker.failures:
        sentence = f"it opens after {breaker.failures} failures, and a batch is given up after {retries + 1}"
        yield Finding((*keys, "failures"), sentence, f"set it to {retries} or less" if retries else "allow retries")
    for at, url in enumerate(breaker.dependencies):
        if is_aws(url) and not aws.allow_aws:
            sentence = f"{url} is real AWS, which is not contacted unless told to"
            yield Finding((*keys, "dependencies", at), sentence, "name another server, or set aws: {allow_aws: true}")


def _function(keys: Keys, text: str, settings: Settings, sound: Callable[[Keys], bool]) -> Iterator[Finding]:
    reference = function_reference(text)
    aws = settings.aws
    nothing_read = not settings.functions and not sound(("functions",))
    if reference is None:
        yield Finding(keys, f"{text!r} is no function's name or ARN")
    elif reference.account not in {"", aws.account_id} and sound(("aws", "account_id")):
        yield Finding(
            keys, f"the account of this ARN is not aws.account_id ({aws.account_id})", "the name alone will do"
        )
    elif reference.region and aws.region and reference.region != aws.region:
        yield Finding(keys, f"the region of this ARN is not aws.region ({aws.region})", "the name alone will do")
    elif reference.name not in settings.functions and not nothing_read:
        hint = nearest(reference.name, settings.functions) or "there are no functions"
        yield Finding(keys, f"there is no function {reference.name!r}", hint)
    elif reference.qualifier not in {"", LATEST} and not is_number(reference.qualifier):
        aliases = getattr(settings.functions.get(reference.name), "aliases", {})  # none of a function that was not read
        if reference.qualifier not in aliases and sound(("functions", reference.name, "aliases")):
            hint = nearest(reference.qualifier, aliases)
            yield Finding(keys, f"{reference.name} has no alias {reference.qualifier!r}", hint)


def _filters(keys: Keys, mapping: MappingSettings) -> Iterator[Finding]:
    if len(mapping.filter_criteria) > MOST_FILTERS:
        yield Finding(keys, f"{len(mapping.filter_criteria)} patterns; at most {MOST_FILTERS} are allowed")
    for at, pattern in enumerate(mapping.filter_criteria):
        if finding := _pattern((*keys, at), pattern):
            yield finding


def _pattern(keys: Keys, pattern: Any) -> Finding | None:
    text = pattern if isinstance(pattern, str) else json.dumps(pattern, ensure_ascii=False, separators=(",", ":"))
    if isinstance(pattern, dict) and {key.lower() for key in pattern} == {"pattern"}:
        return Finding(keys, "this is AWS's {Pattern: ...} around the pattern", "write the pattern itself")
    try:
        is_object = isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return Finding(keys, "this text is not JSON", "write the pattern as an object, or as its JSON text")
    if not is_object:
        return Finding(keys, "a pattern is an object, or the JSON text of one")
    if len(text) > MOST_PATTERN_CHARACTERS:
        return Finding(keys, f"this pattern has {len(text)} characters; {MOST_PATTERN_CHARACTERS} are allowed")
    return None


def _abilities(keys: Keys, mapping: MappingSettings, able: Capabilities) -> Iterator[Finding]:
    offered = envelope.offered(able.envelope)
    if mapping.envelope in envelope.names() and mapping.envelope not in offered:
        sentence = f"records of this source make no {mapping.envelope} event"
        yield Finding((*keys, "envelope"), sentence, f"it has {', '.join(offered)}")
    window = mapping.maximum_batching_window_seconds
    size = mapping.batch_size or able.default_batch_size
    if size > able.max_batch_size:
        yield Finding((*keys, "batch_size"), f"this source takes at most {able.max_batch_size}, not {size}")
    elif size > able.max_fetch and window < 1 and not able.stream:
        sentence = (
            f"{size} needs maximum_batching_window_seconds of 1 or more: one fetch returns at most {able.max_fetch}"
        )
        yield Finding((*keys, "batch_size"), sentence)
    if window > 0 and not able.batching_window:
        yield Finding(
            (*keys, "maximum_batching_window_seconds"), "this source takes no batching window", "leave the key out"
        )
    if mapping.function_response_types and not able.item_failures:
        sentence = "this source cannot take back single records"
        yield Finding((*keys, "function_response_types"), sentence, "leave the key out")
