"""What the destinations of AWS share: a client, taken when first used."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from typing import Any

from connectors.aws import client as aws_client
from connectors.aws.arn import Arn
from connectors.aws.options import AwsOptions
from connectors.aws.service import AwsService


class Connection:
    """One destination's share of a client.

    what: for people, as in "queue failures". patience: seconds for one call; None: as for any.
    """

    def __init__(self, arn: Arn, options: AwsOptions, what: str, *, patience: float | None = None) -> None:
        here = dataclasses.replace(options, region=arn.region) if arn.region else options
        self.service = AwsService(aws_client.resolve(here, arn.service), what, patience=patience)
        self._open = False
        self._opening = asyncio.Lock()  # lanes fail at the same time

    async def ask(self, verb: str, **parameters: Any) -> Mapping[str, Any]:
        """Make one call. Raises ``SourceError``, whatever the client raises."""
        async with self._opening:
            if not self._open:
                await self.service.open()
                self._open = True
        return await self.service.ask(verb, **parameters)

    async def close(self) -> None:
        """Give up the share. Idempotent."""
        self._open = False
        await self.service.close()
