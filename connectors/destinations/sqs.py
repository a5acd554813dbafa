"""An SQS queue as the destination: the failure record is the body of a message.

Permissions needed: sqs:SendMessage, sqs:GetQueueUrl. A failure record has no payload, so that it always fits.
"""

from __future__ import annotations

from connectors.aws.arn import Arn
from connectors.aws.options import AwsOptions
from connectors.contract import Destination, Discard, Missing
from connectors.destinations import written
from connectors.destinations.aws import Connection


class SqsDestination(Destination):
    """One standard queue, of any region and account."""

    def __init__(self, arn: Arn, options: AwsOptions) -> None:
        self._arn = arn
        self._connection = Connection(arn, options, f"queue {arn.resource} of account {arn.account}")
        self._url = ""

    async def deliver(self, discard: Discard) -> None:
        """SendMessage. The queue's URL is asked for once, and again when there is no queue at it."""
        url = self._url or await self._find()
        try:
            await self._connection.ask("send_message", QueueUrl=url, MessageBody=written.failure(discard))
        except Missing:
            self._url = ""
            raise

    async def close(self) -> None:
        """Disconnect."""
        await self._connection.close()

    async def _find(self) -> str:
        name, account = self._arn.resource, self._arn.account
        answer = await self._connection.ask("get_queue_url", QueueName=name, QueueOwnerAWSAccountId=account)
        self._url = str(self._connection.service.given(answer, "QueueUrl", "SQS"))
        return self._url
