"""An SNS topic as the destination: the failure record is the message.

Permission needed: sns:Publish. A message may have 256 KB (SNS quotas); a failure record has no payload, so that it always fits.
"""

from __future__ import annotations

from connectors.aws.arn import Arn
from connectors.aws.options import AwsOptions
from connectors.contract import Destination, Discard
from connectors.destinations import written
from connectors.destinations.aws import Connection


class SnsDestination(Destination):
    """One standard topic, of any region and account."""

    def __init__(self, arn: Arn, options: AwsOptions) -> None:
        self._topic = ":".join(("arn", *arn))
        self._connection = Connection(arn, options, f"topic {arn.resource} of account {arn.account}")

    async def deliver(self, discard: Discard) -> None:
        """Publish."""
        await self._connection.ask("publish", TopicArn=self._topic, Message=written.failure(discard))

    async def close(self) -> None:
        """Disconnect."""
        await self._connection.close()
