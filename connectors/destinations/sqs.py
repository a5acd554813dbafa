"""An SQS queue as the destination: the failure record is the body of a message, or the record of an invocation, or the event itself.

Permissions needed: sqs:SendMessage, sqs:GetQueueUrl. A stream's failure record has no payload, so that it always fits; that of an
invocation has its payloads where they fit. The trace header goes along as the system's attribute AWSTraceHeader.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.aws.arn import Arn
from connectors.aws.options import AwsOptions
from connectors.contract import DeadLetter, Destination, Discard, InvocationRecord, Missing, TooLarge
from connectors.destinations import written
from connectors.destinations.aws import Connection

MOST_BYTES = 1024 * 1024
"""Of a message, body and attributes (SQS quotas, since August 2025)."""


class SqsDestination(Destination):
    """One standard queue, of any region and account."""

    def __init__(self, arn: Arn, options: AwsOptions) -> None:
        self._arn = arn
        self._connection = Connection(arn, options, f"queue {arn.resource} of account {arn.account}")
        self._url = ""

    async def deliver(self, discard: Discard) -> None:
        """SendMessage."""
        await self._send(written.failure(discard))

    async def deliver_record(self, record: InvocationRecord) -> None:
        """SendMessage."""
        await self._send(record.within(MOST_BYTES).decode(), record.trace_id)

    async def deliver_letter(self, letter: DeadLetter) -> None:
        """SendMessage."""
        await self._send(letter.event.decode(errors="replace"), letter.trace_id, written.attributes(letter))

    async def close(self) -> None:
        """Disconnect."""
        await self._connection.close()

    async def _send(self, body: str, trace_id: str = "", attributes: Mapping[str, Any] | None = None) -> None:
        """The queue's URL is asked for once, and again when there is no queue at it."""
        if len(body.encode()) > MOST_BYTES:
            raise TooLarge(f"a message of {len(body.encode())} bytes; a queue takes {MOST_BYTES}")
        url = self._url or await self._find()
        traced = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace_id}} if trace_id else {}
        more = {"MessageSystemAttributes": traced, "MessageAttributes": attributes}
        given = {name: value for name, value in more.items() if value}
        try:
            await self._connection.ask("send_message", QueueUrl=url, MessageBody=body, **given)
        except Missing:
            self._url = ""
            raise

    async def _find(self) -> str:
        name, account = self._arn.resource, self._arn.account
        answer = await self._connection.ask("get_queue_url", QueueName=name, QueueOwnerAWSAccountId=account)
        self._url = str(self._connection.service.given(answer, "QueueUrl", "SQS"))
        return self._url
