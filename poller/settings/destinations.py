"""What must hold for the on-failure destination of a mapping: it keeps no order, and a topic's cluster is the source's own."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.contract import OptionsError, Producing, Source
from poller.settings.model import MappingSettings
from poller.settings.nodes import Keys
from poller.settings.problems import Finding

KAFKA = "kafka://"


def destination(mapping: MappingSettings) -> str:
    """Where the failure records of a mapping go; "": nowhere."""
    return mapping.destination_config.on_failure.destination if mapping.destination_config else ""


def check_destination(keys: Keys, mapping: MappingSettings, source: Source) -> Iterator[Finding]:
    """Findings about one mapping whose values could all be read. source: its own, not open."""
    text = destination(mapping)
    keys = (*keys, "destination_config", "on_failure", "destination")
    if not text or not source.capabilities.stream:  # check_stream refuses the latter
        return
    if text.startswith("arn:") and text.endswith(".fifo"):
        yield Finding(keys, "failure records go to no FIFO queue or topic, as on AWS", "name a standard one")
    elif text.startswith(KAFKA):
        yield from _topic(keys, text.removeprefix(KAFKA), source)


def _topic(keys: Keys, topic: str, source: Source) -> Iterator[Finding]:
    if not isinstance(source, Producing):
        yield Finding(keys, "only failures of a Kafka source can go to a topic: it is one of the source's own cluster")
        return
    try:
        source.destination(topic)
    except OptionsError as error:
        yield Finding(keys, str(error))
