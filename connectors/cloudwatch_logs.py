"""CloudWatch Logs, or a server that speaks it, as a place for functions' logs: groups and streams are made as they are needed.

Permissions needed: logs:PutLogEvents, logs:CreateLogStream, logs:CreateLogGroup. A batch has at most 10,000 events and 1 MB, 26 bytes for
each event counted (API reference, PutLogEvents).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.aws import client as aws_client
from connectors.aws.options import AwsOptions
from connectors.aws.service import AwsService, said
from connectors.contract import Missing, SourceError

BATCH_EVENTS = 10_000
BATCH_BYTES = 1_048_576
EVENT_BYTES = 26
INVALID = frozenset(
    {"DataAlreadyAcceptedException", "InvalidParameterException", "SerializationException", "ValidationException"}
)
"""Answers that the same events would get again."""
EXISTS = "ResourceAlreadyExistsException"

Events = Sequence[tuple[int, str]]
"""Milliseconds since 1970 and text, in the order of time."""


class CloudWatchLogs:
    """One server. Built without I/O; connects when first used. Raises ``OptionsError`` for options that can never work."""

    def __init__(self, options: AwsOptions) -> None:
        self._service = AwsService(aws_client.resolve(options, "logs"), "log group")
        self._open = False
        self._opening = asyncio.Lock()

    async def put(self, group: str, stream: str, events: Events) -> int:
        """Store the events of a stream. Returns how many of them the service will never take. Raises ``SourceError``: tell them again."""
        lost = 0
        for batch in batches(events):
            lost += await self._put(group, stream, batch)
        return lost

    async def close(self) -> None:
        """Disconnect. Idempotent."""
        self._open = False
        await self._service.close()

    async def _put(self, group: str, stream: str, batch: Events) -> int:
        given = [{"timestamp": at, "message": message} for at, message in batch]
        try:
            return await self._told(group, stream, given)
        except Missing:
            await self._make("create_log_group", logGroupName=group)
            await self._make("create_log_stream", logGroupName=group, logStreamName=stream)
        return await self._told(group, stream, given)

    async def _told(self, group: str, stream: str, given: list[dict[str, Any]]) -> int:
        try:
            answer = await self._ask("put_log_events", logGroupName=group, logStreamName=stream, logEvents=given)
        except SourceError as error:
            if said(error) in INVALID:
                return len(given)
            raise
        return _rejected(answer.get("rejectedLogEventsInfo") or {}, len(given))

    async def _make(self, verb: str, **parameters: str) -> None:
        """Create what may be there by now."""
        try:
            await self._ask(verb, **parameters)
        except SourceError as error:
            if said(error) != EXISTS:
                raise

    async def _ask(self, verb: str, **parameters: Any) -> Mapping[str, Any]:
        async with self._opening:
            if not self._open:
                await self._service.open()
                self._open = True
        return await self._service.ask(verb, **parameters)


def batches(events: Events) -> Iterator[Events]:
    """In order, each as large as the service takes it. Pure."""
    begin, size = 0, 0
    for at, (_, message) in enumerate(events):
        own = len(message.encode(errors="replace")) + EVENT_BYTES
        if at > begin and (size + own > BATCH_BYTES or at - begin == BATCH_EVENTS):
            yield events[begin:at]
            begin, size = at, 0
        size += own
    if events:
        yield events[begin:]


def _rejected(info: Mapping[str, int], count: int) -> int:
    """Of a batch, too old ones at its beginning and too new ones at its end."""
    old = max(info.get("tooOldLogEventEndIndex", 0), info.get("expiredLogEventEndIndex", 0))
    return old + count - info.get("tooNewLogEventStartIndex", count)
