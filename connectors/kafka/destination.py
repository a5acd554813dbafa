"""Failure records in a topic of the source's own cluster: one Kafka record for each record that failed, under its own key.

What is written is the failure record of the single record with the event that has it alone (Lambda DG, Capturing discarded batches for
Apache Kafka event sources; reference: event source mappings, 5.3). Durable: all replicas in sync have it when ``deliver`` returns.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from kafka import KafkaProducer

from connectors.contract import Discard, Record
from connectors.kafka.errors import Place, translate
from connectors.kafka.loop import look_for, new_client

DELIVERY_SECONDS = 30.0  # for one batch of failure records, retries by the client included
CLOSE_SECONDS = 3.0
CONDITIONS = {"RetryAttemptsExhausted": "RetriesExhausted"}  # as the guide prints it for topics only
UNQUALIFIED = 6  # colons of arn:aws:lambda:REGION:ACCOUNT:function:NAME


class TopicDestination:
    """One topic. Connects when first used. config: the client's settings of servers and security."""

    def __init__(self, topic: str, place: Place, config: Callable[[], Mapping[str, Any]]) -> None:
        self._topic = topic
        self._place = place
        self._config = config
        self._producer: Any = None

    async def deliver(self, discard: Discard) -> None:
        """Write a record for each, and wait until all are stored."""
        messages = [(_key(record), failure_of(discard, record)) for record in discard.records]
        try:
            if self._producer is None:
                await self._connect()
            await asyncio.to_thread(self._send, messages)
        except BaseException as error:
            await self.close()
            if not isinstance(error, Exception):
                raise
            raise translate(error, self._place) from error

    async def close(self) -> None:
        """Disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await asyncio.to_thread(producer.close, CLOSE_SECONDS)

    async def _connect(self) -> None:
        """Look whether the topic is there, which the producer would wait for without a word; then let it connect."""
        config = self._config()
        await look_for(config, self._topic)
        self._producer = await asyncio.to_thread(_new_producer, config)

    def _send(self, messages: Sequence[tuple[bytes | None, bytes]]) -> None:
        sent = [self._producer.send(self._topic, key=key, value=value) for key, value in messages]
        self._producer.flush(DELIVERY_SECONDS)
        for future in sent:
            future.get(timeout=0)


def _new_producer(config: Mapping[str, Any]) -> Any:
    milliseconds = int(DELIVERY_SECONDS * 1000)
    return KafkaProducer(
        kafka_client=lambda **_: new_client(config, lambda _: None),
        acks="all",
        delivery_timeout_ms=milliseconds,
        request_timeout_ms=milliseconds // 2,
        max_block_ms=milliseconds,
        bootstrap_timeout_ms=milliseconds,
        metrics_enabled=False,
        **config,
    )


def failure_of(discard: Discard, record: Record) -> bytes:
    """Return the failure record of one record of a discarded batch, as JSON. Pure.

    The event is cut down to that record where it has the shape of Kafka's; another stays whole.
    """
    failure: dict[str, Any] = json.loads(json.dumps(discard.record))
    context = failure.get("requestContext", {})
    context["condition"] = CONDITIONS.get(context.get("condition"), context.get("condition"))
    version = failure.get("responseContext", {}).get("executedVersion")
    if version and context.get("functionArn", "").count(":") == UNQUALIFIED:
        context["functionArn"] += f":{version}"  # as the guide prints it for topics only
    event = _event_of(json.loads(discard.event), record)
    batch = failure.get("KafkaBatchInfo")
    if batch is not None:
        batch.pop("recordsInfo", None)
        batch["batchSize"] = 1
        batch["payloadSize"] = len(json.dumps(event, separators=(",", ":")))
        batch["recordInfo"] = {"offset": record.position, "timestamp": _moment(record.arrived or 0.0)}
    return json.dumps({**failure, "payload": event}).encode()


def _event_of(event: Any, record: Record) -> Any:
    try:
        entries = event["records"][record.partition]
        alone = [entry for entry in entries if str(entry["offset"]) == record.position]
    except (KeyError, TypeError, IndexError):
        return event
    return {**event, "records": {record.partition: alone}} if alone else event


def _key(record: Record) -> bytes | None:
    return record.key.encode() if isinstance(record.key, str) else record.key


def _moment(seconds: float) -> str:
    """A producer writes what it likes, microseconds by mistake: what is past the year 9999 is its end."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OSError, OverflowError, ValueError):
        moment = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
