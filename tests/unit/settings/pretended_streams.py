"""Streams that are only options and capabilities: one that can do everything, one that can do nothing."""

from __future__ import annotations

from dataclasses import dataclass

from connectors import registry
from connectors.contract import Capabilities, Destination, Discard, OptionsError
from tests.unit.settings import pretended

REGISTRY = pretended.REGISTRY | {
    "topics": f"{__name__}:PretendedTopics",
    "log": f"{__name__}:PretendedLog",
    "redis-pubsub": registry.BUILT_IN["redis-pubsub"],
}


@dataclass(frozen=True)
class NoOptions:
    """There are none."""


class Nowhere:
    async def deliver(self, discard: Discard) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


class PretendedTopics:
    """Its cluster takes failures, too; the topic that is read is called ``own``."""

    Options = NoOptions
    capabilities = Capabilities(
        envelope="kafka",
        stream=True,
        default_batch_size=100,
        starting_positions=("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"),
        keyed=True,
        timed=True,
    )

    def __init__(self, options: NoOptions) -> None:
        pass

    def destination(self, name: str) -> Destination:
        if name == "own":
            raise OptionsError("", "own is the topic that is read")
        return Nowhere()


class PretendedLog:
    """Its records are bare: no key, no time."""

    Options = NoOptions
    capabilities = Capabilities(envelope="raw", stream=True, starting_positions=("LATEST",), max_batch_size=500)

    def __init__(self, options: NoOptions) -> None:
        pass
