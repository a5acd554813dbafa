"""An EventBridge bus as the destination of asynchronous invocations: the record is the detail of an event.

Source ``lambda``, detail-type ``Lambda Function Invocation Result - Success`` or ``- Failure``, resources: the bus, and the function with
its qualifier (Lambda DG, Capturing records of asynchronous invocations). Permission needed: events:PutEvents.
"""

from __future__ import annotations

from connectors.aws.arn import Arn
from connectors.aws.options import AwsOptions
from connectors.contract import InvocationDestination, InvocationRecord, SourceError
from connectors.destinations.aws import Connection

MOST_BYTES = 256 * 1024
"""Of an entry (EventBridge quotas)."""
ROOM = 4096
"""For all of an entry that is not its detail."""


class EventBridgeDestination(InvocationDestination):
    """One bus, of any region and account."""

    def __init__(self, arn: Arn, options: AwsOptions) -> None:
        self._bus = ":".join(("arn", *arn))
        name = arn.resource.removeprefix("event-bus/")
        self._connection = Connection(arn, options, f"event bus {name} of account {arn.account}")

    async def deliver_record(self, record: InvocationRecord) -> None:
        """PutEvents. The service answers 200 also when it took nothing: each entry has its own result."""
        outcome = "Success" if record.succeeded else "Failure"
        entry = {
            "Time": record.moment,
            "Source": "lambda",
            "DetailType": f"Lambda Function Invocation Result - {outcome}",
            "Resources": [self._bus, record.function_arn],
            "Detail": record.within(MOST_BYTES - ROOM).decode(),
            "EventBusName": self._bus,
        }
        if record.trace_id:
            entry["TraceHeader"] = record.trace_id
        answer = await self._connection.ask("put_events", Entries=[entry])
        if answer.get("FailedEntryCount"):
            [result] = answer["Entries"]
            code, message = result.get("ErrorCode", "no code"), result.get("ErrorMessage", "")
            raise SourceError(f"the bus {self._bus} does not take the record: {code}: {message}")

    async def close(self) -> None:
        """Disconnect."""
        await self._connection.close()
