"""The size of an event is known before it is put together, and putting it together changes nothing."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import Identity, Record
from poller.envelope import content, envelope, offered
from poller.envelope.contract import About, as_json, window_bytes

IDENTITY = Identity("arn:aws:sqs:eu-west-1:000000000000:q", "eu-west-1", "", details={"bootstrapServers": 'h:1,"h:2'})
ATTRIBUTES = st.dictionaries(
    st.text(min_size=1, max_size=5),
    st.one_of(
        st.builds(lambda text: {"DataType": "String", "StringValue": text}, st.text(max_size=5)),
        st.builds(lambda data: {"DataType": "Binary.x", "BinaryValue": data}, st.binary(max_size=5)),
    ),
    max_size=2,
)
BODIES = st.one_of(st.binary(max_size=30), st.text(max_size=30).map(str.encode), st.sampled_from([b"{}", b"[1.10]"]))
PARTITIONS = st.from_regex(r"[a-zA-Z0-9._-]{1,249}-[0-9]{1,10}", fullmatch=True)
VALUES = st.recursive(
    st.one_of(st.builds(lambda n: {"N": str(n)}, st.integers()), st.builds(lambda b: {"B": b}, st.binary(max_size=5))),
    lambda inner: st.one_of(
        st.builds(lambda items: {"L": items}, st.lists(inner, max_size=2)),
        st.builds(lambda items: {"M": items}, st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    ),
    max_leaves=5,
)
JSON = st.recursive(st.one_of(st.none(), st.integers(-9, 9), st.text(max_size=9)), st.lists, max_leaves=9)


@st.composite
def messages(draw: st.DrawFn) -> Record:
    body = draw(st.text(max_size=30))
    message: dict[str, Any] = {"ReceiptHandle": draw(st.text(max_size=5)), "Body": body, "MD5OfBody": "0"}
    message["Attributes"] = {"SentTimestamp": "1602166574656", "SqsManagedSseEnabled": "true"}
    return Record(id=draw(st.text(max_size=5)), body=body, metadata=message | {"MessageAttributes": draw(ATTRIBUTES)})


@st.composite
def entries(draw: st.DrawFn, source: str, partition: str) -> Record:
    position, key = str(draw(st.integers(0, 10**56))), draw(st.text(min_size=1, max_size=9))
    record = Record(id=position, body=draw(BODIES), lane=partition, partition=partition, position=position, key=key)
    record.arrived = draw(st.floats(0, 2e9))
    if source == "kafka":
        record.key = draw(st.none() | st.binary(max_size=5))
        headers = st.lists(st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=5)), max_size=2)
        record.metadata = {"topic": "t", "partition": 0, "offset": 5, "timestamp": 1, "timestampType": "CREATE_TIME"}
        record.metadata |= {"key": record.key, "headers": draw(headers)}
        if draw(st.booleans()):
            record.metadata, record.body = record.metadata | {"tombstone": True}, b""
    if source == "dynamodb":
        images = {name: draw(st.dictionaries(st.text(max_size=3), VALUES, max_size=2)) for name in ("Keys", "NewImage")}
        record.metadata = {"eventID": "e", "eventName": "INSERT", "awsRegion": "", "dynamodb": images}
        record.body = b""
    return record


@st.composite
def windows(draw: st.DrawFn, partition: str) -> dict[str, Any]:
    window: dict[str, Any] = {"window": {"start": "2020-12-09T07:04:00Z", "end": "2020-12-09T07:06:00Z"}}
    window["state"] = draw(st.dictionaries(st.text(max_size=5), JSON, max_size=3))
    window |= {"shardId": partition, "eventSourceARN": IDENTITY.arn, "isFinalInvokeForWindow": draw(st.booleans())}
    return window | {"isWindowTerminatedEarly": False}


@settings(deadline=None)
@given(st.lists(messages(), min_size=1, max_size=4), st.sampled_from(offered("sqs")), st.booleans())
def test_the_shares_and_the_overhead_add_up_to_the_event(batch: list[Record], name: str, window: bool) -> None:
    made = envelope(name, IDENTITY, window=window, source="sqs")
    batch = batch[: made.max_records]
    parts = [made.encode(record) for record in batch]
    event = made.assemble(parts)
    assert len(event) == made.overhead + sum(map(len, parts)) + len(parts) - 1
    value = json.loads(event)
    assert len(value["Records"] if isinstance(value, dict) else value) == len(batch)
    if name == "sqs":
        assert value == {"Records": [made.shape(record) for record in batch]}


@settings(deadline=None)
@given(st.data())
def test_no_event_of_a_stream_is_larger_than_foreseen(data: st.DataObject) -> None:
    source = data.draw(st.sampled_from(["kinesis", "dynamodb", "kafka"]))
    partition = data.draw(PARTITIONS)
    made = envelope(data.draw(st.sampled_from(offered(source))), IDENTITY, window=False, source=source)
    window = data.draw(st.none() | windows(partition)) if made.tumbling else None
    batch = data.draw(st.lists(entries(source, partition), min_size=0 if window else 1, max_size=4))
    shapes = [made.shape(record) for record in batch]
    parts = [made.encode(record) for record in batch]
    event = made.assemble(parts, About(partition, window))
    commas = max(0, len(parts) - 1)
    assert len(event) <= made.overhead + sum(map(len, parts)) + commas + window_bytes(window)
    value = json.loads(event)
    if made.tumbling:
        held = value["Records"] if source != "kafka" else value["records"].get(partition, [])
        assert held == shapes
        assert {name: value[name] for name in window or {}} == (window or {})
        assert made.content == content(source)
    else:
        assert len(value) == len(batch)


@settings(deadline=None)
@given(
    BODIES,
    st.none() | st.text(max_size=9),
    st.sampled_from(["", "data", "ключ"]),
    st.lists(st.sampled_from(["data", "ключ", "a", "b"]).map(str.encode) | st.binary(max_size=5), max_size=6),
    st.sampled_from(["orders", 'a"b', "ключ"]),
    st.none() | st.integers(0, 2**41).map(lambda milliseconds: milliseconds / 1000),
)
def test_an_entry_of_redis_is_written_as_filters_see_it(
    body: bytes, key: str | None, data_field: str, names: list[bytes], stream: str, arrived: float | None
) -> None:
    identity = Identity(f"arn:pollerd:redis:::stream/{stream}", "", "")
    fields = [each for name in names for each in (name, name * 2)]
    record = Record("17-0", body, key=key, partition=stream, position="17-0", arrived=arrived)
    record.metadata = {"stream": stream, "fields": fields, "dataField": data_field}
    made = envelope("redis-stream", identity, window=False)
    assert made.encode(record) == as_json(made.shape(record))
