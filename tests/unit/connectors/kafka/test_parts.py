"""Parts of the Kafka connector that need no broker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Discard, Record
from connectors.kafka.destination import failure_of
from connectors.kafka.shelf import Shelf
from poller.envelope.failure import RETRIES_EXHAUSTED, UNHANDLED, Failure, failure_record
from poller.envelope.kafka import KafkaEnvelope
from tests.fakes import stream_records

GOLDEN = Path(__file__).parents[3] / "golden" / "events"


def record(partition: str, position: int) -> Record:
    return Record(id=f"{partition}:{position}", body=b"", partition=partition, position=str(position))


steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.lists(st.sampled_from("abc"), max_size=5)),
        st.tuples(st.just("take"), st.integers(0, 6), st.sets(st.sampled_from("abc"))),
        st.tuples(st.just("forget"), st.sets(st.sampled_from("abc"))),
    )
)


@given(steps)
def test_the_shelf_keeps_order_and_loses_only_what_it_is_to_forget(steps: list[Any]) -> None:
    shelf = Shelf()
    model: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    count = 0
    for step in steps:
        match step:
            case ("put", names):
                for name in names:
                    count += 1
                    model[name].append(count)
                    shelf.put(name, [record(name, count)])
            case ("take", room, held):
                taken = shelf.take(room, held)
                may = sum(len(left) for name, left in model.items() if name not in held)
                assert len(taken) == min(room, may)
                for each in taken:
                    assert each.partition not in held
                    assert int(each.position) == model[each.partition].pop(0)
            case ("forget", names):
                shelf.forget(names)
                model |= {name: [] for name in names}
        assert len(shelf) == sum(map(len, model.values()))


def test_the_partition_that_waits_longest_comes_first() -> None:
    shelf = Shelf()
    shelf.put("a", [record("a", n) for n in range(9)])
    shelf.put("b", [record("b", n) for n in range(9)])
    order = "".join(each.partition for _ in range(6) for each in shelf.take(3, ()))
    assert order == "aaabbb" * 3


def test_a_failure_record_of_a_topic_is_the_one_in_the_guide() -> None:
    """The fixture's payloadSize is made up; ours is that of the payload."""
    golden = json.loads((GOLDEN / "esm-destination" / "kafka-topic.json").read_text())
    event = golden["payload"]
    (one,) = stream_records.fetched(event)
    other = json.loads(json.dumps(event["records"]["orders-0"][0]).replace('"offset": 41', '"offset": 42'))
    event["records"]["orders-0"].append(other)
    records = list(stream_records.fetched(event))
    told = failure_record(
        Failure(
            condition=RETRIES_EXHAUSTED,
            request_id=golden["requestContext"]["requestId"],
            function_arn=golden["requestContext"]["functionArn"],
            invoke_count=3,
            executed_version="$LATEST",
            function_error=UNHANDLED,
            moment=1764088532.417,
        ),
        KafkaEnvelope(stream_records.identity(event), window=False),
        records,
        "orders-0",
        payload_bytes=1000,
    )
    body = json.dumps(event).encode()
    discard = Discard(mapping="m", partition="orders-0", moment=0.0, record=told, event=body, records=records)
    written = json.loads(failure_of(discard, one))
    event["records"]["orders-0"].pop()
    assert written["KafkaBatchInfo"].pop("payloadSize") == len(json.dumps(event, separators=(",", ":")))
    golden["KafkaBatchInfo"].pop("payloadSize")
    assert written == golden
    assert told["requestContext"]["condition"] == RETRIES_EXHAUSTED  # what was given is untouched


def test_an_event_of_another_shape_goes_along_whole() -> None:
    one = record("orders-0", 3)
    discard = Discard(mapping="m", partition="orders-0", moment=0.0, record={}, event=b"[1, 2]", records=[one])
    assert json.loads(failure_of(discard, one)) == {"payload": [1, 2]}
