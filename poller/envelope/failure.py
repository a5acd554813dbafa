"""The failure record: what an on-failure destination is told of a batch of a stream that was given up.

Source: recordings of 2025 (Kinesis and DynamoDB Streams to SQS, SNS, S3); Lambda DG, Capturing discarded batches, for Kafka. The record
says which records were lost, not what was in them: whether the event goes along is the destination's affair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.contract import Record
from poller.envelope.contract import Envelope
from poller.envelope.moments import with_milliseconds

RETRIES_EXHAUSTED = "RetryAttemptsExhausted"
RECORD_TOO_OLD = "RecordAgeExceeded"
PAYLOAD_TOO_LARGE = "MaximumPayloadSizeExceeded"  # Kafka; Kinesis and DynamoDB Streams say RetryAttemptsExhausted

UNHANDLED = "Unhandled"

_PAYLOAD_SIZE = "payloadSize"
_OF_WINDOW = ("window", "isFinalInvokeForWindow", "isWindowTerminatedEarly")


@dataclass(frozen=True, slots=True)
class Failure:
    """How a batch came to be given up.

    condition: one of the words above. request_id: of the last invocation. function_arn: as mapped. invoke_count: attempts to invoke,
    whether or not the function ran in them. executed_version: the version that ran; None: none did. function_error: ``Unhandled``; None
    when the function answered, and named failed items. moment: epoch seconds.
    """

    condition: str
    request_id: str
    function_arn: str
    invoke_count: int
    executed_version: str | None
    function_error: str | None
    moment: float


def failure_record(
    failure: Failure,
    envelope: Envelope,
    records: Sequence[Record],
    partition: str,
    *,
    payload_bytes: int,
    window: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The record, without the payload; JSON values, keys in recorded order.

    records: in order, all of the partition; none in the last event of a tumbling window. payload_bytes: of the event. window: what a
    tumbling window added to the event (``About.window``). Its state stays out: with up to 1 MB no queue would take the record. The keys of
    ``timeWindowInfo`` are documented nowhere; these are the event's.
    """
    record: dict[str, Any] = {
        "requestContext": {
            "requestId": failure.request_id,
            "functionArn": failure.function_arn,
            "condition": failure.condition,
            "approximateInvokeCount": failure.invoke_count,
        }
    }
    if failure.executed_version is not None:
        record["responseContext"] = {
            "statusCode": 200,
            "executedVersion": failure.executed_version,
            "functionError": failure.function_error,
        }
    record |= {"version": "1.0", "timestamp": with_milliseconds(failure.moment)}
    for name, info in envelope.batch_info(records, partition).items():
        record[name] = info | {_PAYLOAD_SIZE: payload_bytes} if _PAYLOAD_SIZE in info else info
    if window is not None:
        record["timeWindowInfo"] = {name: window[name] for name in _OF_WINDOW if name in window}
    return record
