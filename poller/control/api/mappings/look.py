"""Whether a mapping's queue or stream is there: looked at before the mapping is made, without reading anything."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from connectors.contract import Missing, Reader, Refused, SourceError, Stream
from poller.control.api.refusals import invalid
from poller.settings.mappings import source
from poller.settings.model import MappingSettings

OF_AWS = {"sqs", "kinesis", "dynamodb-streams"}
"""Sources that must exist when a mapping is made, as on AWS."""
SECONDS = 5.0
"""One that does not answer in time is taken for there, and the mapping goes on trying."""


async def look(settings: MappingSettings, function_seconds: float) -> None:
    """Raises ApiError when it is not there, or hands records out for less than the function may take."""
    if settings.source.type not in OF_AWS:
        return
    found = source(settings)
    if isinstance(found, Stream):
        able = found.capabilities
        found.read_as(Reader("", able.starting_positions[0], None, _Nowhere(), _nothing_in_flight))
    try:
        async with asyncio.timeout(SECONDS):
            identity = await found.open()
    except Missing as error:
        raise invalid(_missing(settings)) from error
    except Refused as error:
        raise invalid(str(error)) from error
    except (SourceError, TimeoutError):
        return
    finally:
        await found.close()
    lease = identity.lease_seconds
    if lease is not None and lease < function_seconds:
        raise invalid(
            f"Queue visibility timeout: {lease:g} seconds is less than Function timeout: {function_seconds:g} seconds"
        )


class _Nowhere:
    """Checkpoints of who reads nothing."""

    def positions(self) -> Mapping[str, str]:
        return {}

    async def save(self, positions: Mapping[str, str]) -> None:
        """There is nothing to come back to."""

    async def move(self, partition: str, position: str | None, why: str) -> None:
        """Nobody goes on."""


async def _nothing_in_flight(_: Collection[str]) -> None:
    """There is nothing to wait for."""


def _missing(settings: MappingSettings) -> str:
    options: Any = settings.source.options
    if settings.source.type == "sqs":
        return (
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
            "SQS Error Message: The specified queue does not exist."
        )
    return f"Stream not found: {options.stream}"
