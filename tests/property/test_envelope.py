"""The size of an event is known before it is put together, and putting it together changes nothing."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Identity, Record
from poller.envelope import envelope

IDENTITY = Identity("arn:aws:sqs:eu-west-1:000000000000:q", "eu-west-1", "")
ATTRIBUTES = st.dictionaries(
    st.text(min_size=1, max_size=5),
    st.one_of(
        st.builds(lambda text: {"DataType": "String", "StringValue": text}, st.text(max_size=5)),
        st.builds(lambda data: {"DataType": "Binary.x", "BinaryValue": data}, st.binary(max_size=5)),
    ),
    max_size=2,
)


@st.composite
def records(draw: st.DrawFn) -> Record:
    body = draw(st.text(max_size=30))
    message: dict[str, Any] = {"ReceiptHandle": draw(st.text(max_size=5)), "Body": body, "MD5OfBody": "0"}
    message["Attributes"] = {"SentTimestamp": "1602166574656", "SqsManagedSseEnabled": "true"}
    return Record(id=draw(st.text(max_size=5)), body=body, metadata=message | {"MessageAttributes": draw(ATTRIBUTES)})


@given(st.lists(records(), min_size=1, max_size=4), st.sampled_from(["sqs", "raw", "sns"]), st.booleans())
def test_the_shares_and_the_overhead_add_up_to_the_event(batch: list[Record], name: str, window: bool) -> None:
    made = envelope(name, IDENTITY, window=window)
    batch = batch[: made.max_records]
    parts = [made.encode(made.shape(record)) for record in batch]
    event = made.assemble(parts)
    assert len(event) == made.overhead + sum(map(len, parts)) + len(parts) - 1
    value = json.loads(event)
    assert len(value if name == "raw" else value["Records"]) == len(batch)
    if name == "sqs":
        assert value == {"Records": [made.shape(record) for record in batch]}
