"""An SNS topic as the destination: the failure record is the message, or the record of an invocation, or the event itself.

Permission needed: sns:Publish. A message may have 256 KB (SNS quotas). A stream's failure record has no payload, so that it always fits;
that of an invocation has its payloads where they fit.
"""

from __future__ import annotations

from connectors.aws.arn import Arn
from connectors.aws.options import AwsOptions
from connectors.contract import DeadLetter, Destination, Discard, InvocationRecord, TooLarge
from connectors.destinations import written
from connectors.destinations.aws import Connection

MOST_BYTES = 256 * 1024


class SnsDestination(Destination):
    """One standard topic, of any region and account."""

    def __init__(self, arn: Arn, options: AwsOptions) -> None:
        self._topic = ":".join(("arn", *arn))
        self._connection = Connection(arn, options, f"topic {arn.resource} of account {arn.account}")

    async def deliver(self, discard: Discard) -> None:
        """Publish."""
        await self._connection.ask("publish", TopicArn=self._topic, Message=written.failure(discard))

    async def deliver_record(self, record: InvocationRecord) -> None:
        """Publish."""
        await self._connection.ask("publish", TopicArn=self._topic, Message=record.within(MOST_BYTES).decode())

    async def deliver_letter(self, letter: DeadLetter) -> None:
        """Publish."""
        if len(letter.event) > MOST_BYTES:
            raise TooLarge(f"an event of {len(letter.event)} bytes; a topic takes {MOST_BYTES}")
        message, attributes = letter.event.decode(errors="replace"), written.attributes(letter)
        await self._connection.ask("publish", TopicArn=self._topic, Message=message, MessageAttributes=attributes)

    async def close(self) -> None:
        """Disconnect."""
        await self._connection.close()
