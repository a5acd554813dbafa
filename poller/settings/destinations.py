"""The on-failure destination of a mapping: what it is called, whether it can be one, and building it. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from connectors.aws.options import AwsOptions
from connectors.contract import Destination, OptionsError, Producing, Source
from connectors.destinations import destination as connector
from poller.settings.model import MappingSettings
from poller.settings.nodes import Keys
from poller.settings.problems import Finding

KAFKA = "kafka://"


def destination(mapping: MappingSettings) -> str:
    """Where the failure records of a mapping go; "": nowhere."""
    return mapping.destination_config.on_failure.destination if mapping.destination_config else ""


def built(mapping: MappingSettings, source: Source, aws: AwsOptions) -> Destination | None:
    """The mapping's destination, not connected; None for none. Raises OptionsError, ImportError.

    source: its own. aws: the configuration's, for what is not read from AWS; a source's own AWS has its failures, too.
    """
    text = destination(mapping)
    if not text:
        return None
    if not text.startswith(KAFKA):
        options = mapping.source.options
        return connector(text, options if isinstance(options, AwsOptions) else aws)
    if not isinstance(source, Producing):
        sentence = "only failures of a Kafka source can go to a topic: it is one of the source's own cluster"
        raise OptionsError("destination", sentence)
    return source.destination(text.removeprefix(KAFKA))


def check_destination(keys: Keys, mapping: MappingSettings, source: Source, aws: AwsOptions) -> Iterator[Finding]:
    """Findings about one mapping whose values could all be read. Queues have none; see streams.py."""
    if not source.capabilities.stream:
        return
    yield from refused((*keys, "destination_config", "on_failure", "destination"), lambda: built(mapping, source, aws))


def refused(keys: Keys, build: Callable[[], object]) -> Iterator[Finding]:
    """What building a destination comes to, if not to one."""
    try:
        build()
    except OptionsError as error:
        blamed = f"{error.field}: " if error.field not in {"", "destination"} else ""
        yield Finding(keys, f"{blamed}{error}")
    except ImportError as error:
        yield Finding(keys, f"this needs {error.name}; install pollerd[sqs]")
