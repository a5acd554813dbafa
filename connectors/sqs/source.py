"""Amazon SQS and servers that speak like it: standard and FIFO queues as a source.

Not here: parallel polling, merging of receives, keeping leases, retries. Rules that hold:

1. A failed record is left alone: it comes back when the queue's visibility timeout ends, and the queue's own redrive policy moves it
   to the dead-letter queue (Lambda DG, Handling errors for an SQS event source). Only a record never started is given back at once.
2. Requests go to the configured endpoint, whatever host the queue's URL names; a QueueUrl is a parameter, never an address.
3. An answer that never arrived may have held records. On a FIFO queue they would block their groups until the lease ends, so the
   receive is repeated under the same attempt id, which hands out the same records (SQS API, ReceiveMessage).

``Record.metadata`` is the message as ReceiveMessage returns it, all attributes included; binary values are bytes. Permissions
needed: sqs:ReceiveMessage, DeleteMessage, ChangeMessageVisibility, GetQueueAttributes, and GetQueueUrl unless the queue is a URL.
"""

from __future__ import annotations

import asyncio
import math
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.aws import client as aws_client
from connectors.aws.errors import THROTTLES, code_of, translate
from connectors.aws.options import AwsOptions
from connectors.contract import (
    Capabilities,
    Identity,
    Outcome,
    Record,
    Settlement,
    SourceError,
    Throttled,
    Unreachable,
    Unsettled,
)
from connectors.sqs.queue import parse_queue

BATCH = 10  # messages of one receive, entries of one batch request (SQS quotas)
LONGEST_WAIT = 20  # seconds of one long poll (SQS quotas)
LONGEST_LEASE = 12 * 3600  # seconds a message may be kept invisible, counted from its receive (SQS quotas)
CALLS_AT_ONCE = 8  # batch requests of one settle under way together; SQS answers one in some 10 ms

STALE = frozenset({"InvalidParameterValue", "MessageNotInflight", "ReceiptHandleIsInvalid"})
"""Codes of an entry whose message is no longer ours; not every server marks them as the sender's fault."""

GONE = frozenset({Outcome.DELIVERED, Outcome.FILTERED, Outcome.REJECTED})

STANDARD = Capabilities(
    envelope="sqs",
    parallel_fetches=1250,  # the ceiling of a mapping on demand (Lambda DG, Configuring scaling behavior for SQS)
    max_fetch=BATCH,
    max_batch_size=10_000,
)
FIFO = Capabilities(
    envelope="sqs",
    ordered=True,
    parallel_fetches=1250,
    max_fetch=BATCH,
    max_batch_size=10,
    batching_window=False,
)


@dataclass(frozen=True, kw_only=True)
class SqsOptions(AwsOptions):
    """One queue."""

    queue: str = field(metadata={"example": "orders"})
    """Name, URL or ARN of the queue. A name ending in .fifo makes it a FIFO queue."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A receive on a FIFO queue, and the most records it may have been given."""

    id: str
    limit: int


@dataclass(frozen=True, slots=True)
class _Refusal:
    """An entry of a batch request that failed. index: of the record. error: when the whole request failed."""

    index: int
    reason: str
    retry: bool
    error: SourceError | None = None


class SqsSource:
    """One queue."""

    Options = SqsOptions

    def __init__(self, options: SqsOptions) -> None:
        self._queue = parse_queue(options.queue)
        self._target = aws_client.resolve(options, "sqs", region=self._queue.region, origin=self._queue.origin)
        self._client: Any = None
        self._url = ""
        self._unanswered: deque[_Attempt] = deque(maxlen=64)  # one forgotten costs no more than a lease

    @property
    def capabilities(self) -> Capabilities:
        """FIFO by the name's ending, as SQS itself does it."""
        return FIFO if self._queue.name.endswith(".fifo") else STANDARD

    async def open(self) -> Identity:
        """Find the queue's URL and its visibility timeout."""
        await self.close()
        try:
            self._client = await aws_client.acquire(self._target)
        except Exception as error:  # as in _ask
            raise self._translated(error) from error
        try:
            async with aws_client.opening(self._target):
                self._url = self._queue.url or await self._find()
                attributes = await self._attributes("QueueArn", "VisibilityTimeout")
        except BaseException:
            await self.close()
            raise
        return self._identity(attributes)

    async def fetch(self, room: int, wait_seconds: float) -> list[Record]:
        """One ReceiveMessage; whole seconds of waiting, 20 at most."""
        limit = min(room, BATCH)
        wait = min(LONGEST_WAIT, int(wait_seconds))
        if limit < 1:
            return []
        if self.capabilities.ordered:
            return await self._fetch_fifo(limit, wait)
        return self._records(await self._receive(limit, wait, {}))

    async def settle(self, settlements: Sequence[Settlement]) -> list[Unsettled]:
        """Delete what is done with, make visible what was never started, leave alone what failed."""
        done = [s for s in settlements if s.outcome in GONE]
        unstarted = [s for s in settlements if s.outcome is Outcome.RELEASED]
        refusals = [
            (told[refusal.index], refusal)
            for told, refused in (
                (done, await self._tell("delete_message_batch", [s.record for s in done])),
                (unstarted, await self._change_visibility([s.record for s in unstarted], 0)),
            )
            for refusal in refused
        ]
        errors = [refusal.error for _, refusal in refusals if refusal.error is not None]
        if errors and len(errors) == len(done) + len(unstarted):
            raise errors[0]
        return [Unsettled(settlement, refusal.reason, refusal.retry) for settlement, refusal in refusals]

    async def extend(self, records: Sequence[Record], seconds: float) -> list[Record]:
        """Set the messages' visibility timeout anew, in whole seconds, rounded up."""
        refusals = await self._change_visibility(records, min(math.ceil(seconds), LONGEST_LEASE))
        for refusal in refusals:
            if refusal.retry:
                raise refusal.error or Throttled(f"{self._target.server} did not extend all leases: {refusal.reason}")
        return [records[refusal.index] for refusal in refusals]

    async def backlog(self) -> int:
        """ApproximateNumberOfMessages."""
        return int((await self._attributes("ApproximateNumberOfMessages")).get("ApproximateNumberOfMessages", 0))

    async def close(self) -> None:
        """Give up this source's share of the client."""
        if self._client is not None:
            self._client = None
            await aws_client.release(self._target)

    async def _find(self) -> str:
        owner = {"QueueOwnerAWSAccountId": self._queue.account} if self._queue.account else {}
        answer = await self._ask("get_queue_url", {"QueueName": self._queue.name, **owner})
        return str(self._given(answer, "QueueUrl"))

    async def _attributes(self, *names: str) -> Mapping[str, str]:
        answer = await self._ask("get_queue_attributes", {"QueueUrl": self._url, "AttributeNames": names})
        attributes: Mapping[str, str] = self._given(answer, "Attributes")
        return attributes

    def _given(self, answer: Mapping[str, Any], key: str) -> Any:
        """A part that no answer of SQS lacks."""
        if key not in answer:
            raise SourceError(f"what answers at {self._target.server} does not speak SQS: no {key} in its answer")
        return answer[key]

    def _identity(self, attributes: Mapping[str, str]) -> Identity:
        arn = str(self._given(attributes, "QueueArn"))
        region, account = [*arn.split(":"), *("" for _ in range(5))][3:5]
        return Identity(
            arn=arn,
            region=region,
            label=f"account {account}, region {region}, queue {self._queue.name}, at {self._target.server}",
            lease_seconds=float(attributes.get("VisibilityTimeout", 30)),
        )

    async def _fetch_fifo(self, limit: int, wait: int) -> list[Record]:
        attempt = self._attempt(limit)
        try:
            messages = await self._receive(attempt.limit, wait, {"ReceiveRequestAttemptId": attempt.id})
        except (Unreachable, asyncio.CancelledError):
            self._unanswered.append(attempt)
            raise
        return self._records(messages)

    def _attempt(self, limit: int) -> _Attempt:
        """The oldest unanswered one that cannot bring more than there is room for, else a new one."""
        for attempt in self._unanswered:
            if attempt.limit <= limit:
                self._unanswered.remove(attempt)
                return attempt
        return _Attempt(uuid.uuid4().hex, limit)

    async def _receive(self, limit: int, wait: int, more: Mapping[str, Any]) -> list[dict[str, Any]]:
        parameters = {
            "QueueUrl": self._url,
            "MaxNumberOfMessages": limit,
            "WaitTimeSeconds": wait,  # 0 too: left out, the queue's own setting would hold
            "MessageSystemAttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
            **more,
        }
        answer = await self._ask("receive_message", parameters, wait)
        messages: list[dict[str, Any]] = answer.get("Messages") or []
        return messages

    def _records(self, messages: list[dict[str, Any]]) -> list[Record]:
        ordered = self.capabilities.ordered
        return [_record(message, message.get("Attributes") or {}, ordered=ordered) for message in messages]

    async def _change_visibility(self, records: Sequence[Record], seconds: int) -> list[_Refusal]:
        return await self._tell("change_message_visibility_batch", records, VisibilityTimeout=seconds)

    async def _tell(self, verb: str, records: Sequence[Record], **more: int) -> list[_Refusal]:
        """Send a batch request for every ten records; return the entries that failed.

        On a FIFO queue one request after the other, so that a group's records become visible in their order.
        """
        at_once = asyncio.Semaphore(1 if self.capabilities.ordered else CALLS_AT_ONCE)

        async def ten(first: int) -> list[_Refusal]:
            async with at_once:
                return await self._tell_ten(verb, first, records[first : first + BATCH], more)

        answers = await asyncio.gather(*(ten(first) for first in range(0, len(records), BATCH)))
        return [refusal for answer in answers for refusal in answer]

    async def _tell_ten(
        self, verb: str, first: int, records: Sequence[Record], more: Mapping[str, int]
    ) -> list[_Refusal]:
        indexes = range(first, first + len(records))
        entries: list[dict[str, Any]] = [
            {"Id": str(index), "ReceiptHandle": record.handle, **more}
            for index, record in zip(indexes, records, strict=True)
        ]
        try:
            answer = await self._ask(verb, {"QueueUrl": self._url, "Entries": entries})
        except SourceError as error:
            wrong = type(error) is SourceError  # the request itself was refused: sent again it would be again
            return [_Refusal(index, str(error), not wrong, None if wrong else error) for index in indexes]
        return [_refusal(entry) for entry in answer.get("Failed") or ()]

    async def _ask(self, verb: str, parameters: Mapping[str, Any], wait: float = 0) -> Any:
        """Make one call. Raises ``SourceError``, whatever the client raises."""
        if self._client is None:
            raise Unreachable(f"queue {self._queue.name} is not open")
        try:
            async with asyncio.timeout(wait + aws_client.ANSWER_SECONDS):
                return await getattr(self._client, verb)(**parameters)
        except Exception as error:  # all of them: on a rubbish answer the client raises anything
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> SourceError:
        resource = f"queue {self._queue.name} in {self._target.region}"
        return translate(error, server=self._target.server, resource=resource)


def _record(message: dict[str, Any], attributes: Mapping[str, str], *, ordered: bool) -> Record:
    return Record(
        id=message["MessageId"],
        body=message["Body"],
        lane=attributes.get("MessageGroupId") if ordered else None,  # on standard queues a group is about fairness
        metadata=message,
        handle=message["ReceiptHandle"],
        receive_count=int(attributes.get("ApproximateReceiveCount", 1)),
    )


def _refusal(entry: Mapping[str, Any]) -> _Refusal:
    """Of a failed entry. What is the sender's fault stays so: a handle stale or unknown, more than 12 hours."""
    code = code_of(str(entry.get("Code", "")))
    reason = f"{code}: {entry['Message']}" if entry.get("Message") else code
    final = code in STALE or (entry.get("SenderFault", False) and code not in THROTTLES)
    return _Refusal(int(entry["Id"]), reason, retry=not final)
