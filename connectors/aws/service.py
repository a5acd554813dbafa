"""One user's hold on the client of an AWS service: taken, asked, given back; errors are the contract's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from connectors.aws import client as aws_client
from connectors.aws.client import Target
from connectors.aws.errors import code_of, translate
from connectors.contract import SourceError, Unreachable

T = TypeVar("T")


class AwsService:
    """What a target's server is asked about one resource.

    resource: as in "stream clicks". patience: seconds that an answer may take; None: as for all.
    """

    def __init__(self, target: Target, resource: str, *, patience: float | None = None) -> None:
        self.target = target
        self.patience = patience
        self._resource = resource
        self._client: Any = None

    async def open(self) -> None:
        """Take a share of the client. Raises ``SourceError`` for credentials that cannot be read."""
        try:
            self._client = await aws_client.acquire(self.target)
        except Exception as error:  # as in ask
            raise self._translated(error) from error

    async def close(self) -> None:
        """Give it back. Idempotent."""
        if self._client is not None:
            self._client = None
            await aws_client.release(self.target)

    def opening(self) -> asyncio.Semaphore:
        """What is held while a stream is looked for: a few of one server's users do so at a time."""
        return aws_client.opening(self.target)

    def check(self) -> None:
        """Raise ``Unreachable`` unless it is open."""
        if self._client is None:
            raise Unreachable(f"{self._resource} is not open")

    async def ask(self, verb: str, **parameters: Any) -> Mapping[str, Any]:
        """Make one call. Raises ``SourceError``, whatever the client raises."""
        self.check()
        call: Awaitable[Mapping[str, Any]] = getattr(self._client, verb)(**parameters)
        return await self.within(call, self.patience or aws_client.ANSWER_SECONDS)

    async def within(self, answer: Awaitable[T], seconds: float) -> T:
        """Await an answer, or the next part of one that comes in parts. Raises ``SourceError``, whatever the client raises."""
        try:
            async with asyncio.timeout(seconds):
                return await answer
        except Exception as error:  # all of them: on a rubbish answer the client raises anything
            raise self._translated(error) from error

    def given(self, answer: Mapping[str, Any], key: str, speech: str) -> Any:
        """Return a part that no answer lacks. speech: what a server that leaves it out does not speak. Raises ``SourceError``."""
        if key not in answer:
            raise SourceError(f"what answers at {self.target.server} does not speak {speech}: no {key} in its answer")
        return answer[key]

    def _translated(self, error: Exception) -> SourceError:
        resource = f"{self._resource} in {self.target.region}"
        return translate(error, server=self.target.server, resource=resource)


def said(error: SourceError) -> str:
    """Code with which the service itself refused a call; "" when it was not the service."""
    response = getattr(error.__cause__, "response", None) or {}
    return code_of(str(response.get("Error", {}).get("Code", "")))


def time_of(answer: Mapping[str, Any]) -> float:
    """When a server answered by its own clock, in whole epoch seconds, rounded down; by ours where it does not tell."""
    said_at = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return parsedate_to_datetime(said_at).timestamp()
    except (TypeError, ValueError):
        return float(int(time.time()))
