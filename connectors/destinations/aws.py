"""What the destinations of AWS share: a client, made when first used, and its errors as the engine knows them."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

from connectors import aws_client
from connectors.aws import AwsOptions
from connectors.aws_errors import translate
from connectors.destinations.arn import Arn


class Connection:
    """One destination's share of a client.

    resource: for people, as in "queue failures". patience: seconds for one call.
    """

    def __init__(
        self, arn: Arn, options: AwsOptions, resource: str, *, patience: float = aws_client.ANSWER_SECONDS
    ) -> None:
        here = dataclasses.replace(options, region=arn.region) if arn.region else options
        self._target = aws_client.resolve(here, arn.service)
        self._resource = resource
        self._patience = patience
        self._client: Any = None
        self._making = asyncio.Lock()  # lanes fail at the same time

    async def ask(self, verb: str, **parameters: Any) -> Any:
        """Make one call. Raises ``SourceError``, whatever the client raises."""
        try:
            async with asyncio.timeout(self._patience):
                client = await self._made()
                return await getattr(client, verb)(**parameters)
        except Exception as error:  # all of them: on a rubbish answer the client raises anything
            raise translate(error, server=self._target.server, resource=self._resource) from error

    async def close(self) -> None:
        """Give up the share. Idempotent."""
        if self._client is not None:
            self._client = None
            await aws_client.release(self._target)

    async def _made(self) -> Any:
        async with self._making:
            if self._client is None:
                self._client = await aws_client.acquire(self._target)
            return self._client
