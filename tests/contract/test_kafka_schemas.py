"""Values and keys that a schema registry describes. The registry is a server of the test's own that speaks the REST API."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import fastavro
import pytest
from aiohttp import web
from google.protobuf import descriptor_pb2, struct_pb2

from connectors.contract import OptionsError, Record, Refused, SourceError
from connectors.kafka.options import KafkaOptions, SchemaRegistryOptions
from connectors.kafka.schemas.decoder import Decoder
from connectors.kafka.source import KafkaSource
from tests.contract.kafka_steps import opened, options_of, receive, settled, source_of
from tests.kafka_server import Cluster
from tests.kafka_topics import Sent, topic

MONEY = {"type": "record", "name": "shop.Money", "fields": [{"name": "cents", "type": "long"}]}
ORDER = {
    "type": "record",
    "name": "shop.Order",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "total", "type": ["null", "shop.Money"]},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "raw", "type": "bytes"},
    ],
}


class RegistryServer:
    """Schemas by id, and by subject and version; counts what it is asked."""

    def __init__(self) -> None:
        self.schemas: dict[int, dict[str, Any]] = {}
        self.versions: dict[str, dict[str, Any]] = {}
        self.serialized: dict[str, str] = {}
        self.asked: list[str] = []
        self.status = 200
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        if request.headers.get("Authorization", "") not in {"", "Basic bWU6czNjcmV0"}:
            return web.json_response({"error_code": 401}, status=401)
        if self.status != 200:
            return web.Response(status=self.status, text="out of order")
        found = self.schemas.get(int(request.match_info.get("id", 0))) or self.versions.get(request.path)
        if found is None:
            return web.json_response({"error_code": 40403, "message": "Schema not found"}, status=404)
        if request.query.get("format") == "serialized":
            found = found | {"schema": self.serialized[found["schema"]]}
        return web.json_response(found)


@pytest.fixture
async def registry() -> AsyncIterator[RegistryServer]:
    server = RegistryServer()
    app = web.Application()
    app.router.add_get("/schemas/ids/{id}", server.answer)
    app.router.add_get("/subjects/{subject}/versions/{version}", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@pytest.fixture
async def decoder(registry: RegistryServer) -> AsyncIterator[Decoder]:
    made = Decoder(SchemaRegistryOptions(url=registry.url, validate=("KEY", "VALUE")))
    yield made
    await made.close()


async def test_avro_becomes_plain_json(registry: RegistryServer, decoder: Decoder) -> None:
    registry.schemas[7] = {
        "schema": json.dumps(ORDER),
        "references": [{"name": "shop.Money", "subject": "money value", "version": 2}],
    }
    registry.versions["/subjects/money value/versions/2"] = {"schema": json.dumps(MONEY)}
    value = {"id": "ü", "total": {"cents": 250}, "at": 1700000000000, "raw": b"\xff\x00"}
    record = await decoded(decoder, framed(7, avro(value)))
    assert json.loads(record.body) == {"id": "ü", "total": {"cents": 250}, "at": 1700000000000, "raw": "ÿ\x00"}
    assert record.metadata["valueSchemaMetadata"] == {"dataFormat": "AVRO", "schemaId": "7"}
    assert "undecodable" not in record.metadata
    again = await decoded(decoder, framed(7, avro(value | {"total": None})))
    assert json.loads(again.body)["total"] is None
    assert registry.asked == ["/schemas/ids/7", "/subjects/money%20value/versions/2"]  # once, however many records


async def test_protobuf_becomes_its_json(registry: RegistryServer, decoder: Decoder) -> None:
    main, part = protobuf_files()
    registry.schemas[9] = {
        "schema": "main",
        "schemaType": "PROTOBUF",
        "references": [{"name": "part.proto", "subject": "part", "version": 1}],
    }
    registry.versions["/subjects/part/versions/1"] = {"schema": "part", "schemaType": "PROTOBUF"}
    registry.serialized = {
        name: base64.b64encode(file.SerializeToString()).decode() for name, file in (("main", main), ("part", part))
    }
    first = await decoded(decoder, framed(9, b"\x00" + b"\x0a\x02ab" + b"\x12\x02\x08\x05"))
    assert json.loads(first.body) == {"order_id": "ab", "part": {"count": 5}}
    inner = await decoded(
        decoder, framed(9, b"\x04\x02\x00" + b"\x0a\x03xyz")
    )  # two indexes: the second message, its first inner one
    assert json.loads(inner.body) == {"inner_name": "xyz"}
    assert inner.metadata["valueSchemaMetadata"] == {"dataFormat": "PROTOBUF", "schemaId": "9"}
    for rubbish in (b"", b"\x00\xff\xff", b"\x02\x7f\x00", b"\x01", b"\xfe\xff\xff\xff\xff\x7f", b"\x02\x01ab"):
        assert (await decoded(decoder, framed(9, rubbish))).metadata["undecodable"] == "DESERIALIZATION_ERROR"


async def test_json_stays_what_it_is(registry: RegistryServer, decoder: Decoder) -> None:
    registry.schemas[3] = {"schema": '{"type": "object"}', "schemaType": "JSON"}
    record = await decoded(decoder, framed(3, b'{"a":  1}'), key=framed(3, b'"k"'))
    assert record.body == b'{"a":  1}'
    assert record.metadata["key"] == b'"k"'
    assert record.key == framed(3, b'"k"')
    assert record.metadata["keySchemaMetadata"] == {"dataFormat": "JSON", "schemaId": "3"}


async def test_source_is_the_original_without_framing(registry: RegistryServer) -> None:
    main, part = protobuf_files()
    registry.schemas[9] = {
        "schema": "main",
        "schemaType": "PROTOBUF",
        "references": [{"name": "part.proto", "subject": "part", "version": 1}],
    }
    registry.versions["/subjects/part/versions/1"] = {"schema": "part"}
    registry.serialized = {
        name: base64.b64encode(file.SerializeToString()).decode() for name, file in (("main", main), ("part", part))
    }
    decoder = Decoder(SchemaRegistryOptions(url=registry.url, event_record_format="SOURCE"))
    record = await decoded(decoder, framed(9, b"\x00" + b"\x0a\x02ab"), key=b"plain")
    assert record.body == b"\x0a\x02ab"
    assert record.metadata["key"] == b"plain"  # VALUE alone is decoded
    assert "keySchemaMetadata" not in record.metadata
    await decoder.close()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"\x00\x00\x00\x00\x63data", "SCHEMA_NOT_FOUND"),
        (b"no framing", "DESERIALIZATION_ERROR"),
        (b"", "DESERIALIZATION_ERROR"),
        (b"\x00\x00\x00\x00\x01\xff\xff", "DESERIALIZATION_ERROR"),
        (b"\x00\x00\x00\x00\x01\x02a rest", "DESERIALIZATION_ERROR"),
        (b"\x00\x00\x00\x00\x02data", "DESERIALIZATION_ERROR"),
        (b"\x00\x00\x00\x00\x04data", "DESERIALIZATION_ERROR"),
    ],
)
async def test_what_cannot_be_decoded_is_marked_and_stays_as_it_was(
    registry: RegistryServer, decoder: Decoder, value: bytes, said: str
) -> None:
    registry.schemas[1] = {"schema": '"string"'}
    registry.schemas[2] = {"schema": "no schema at all"}
    registry.schemas[4] = {"schema": "", "schemaType": "XML"}
    record = await decoded(decoder, value, key=framed(1, b"\x02k"))
    assert record.metadata["undecodable"] == said
    assert (record.body, record.metadata["key"]) == (value, framed(1, b"\x02k"))
    assert "keySchemaMetadata" not in record.metadata


async def test_tombstones_and_missing_keys_have_no_schema(decoder: Decoder, registry: RegistryServer) -> None:
    record = await decoded(decoder, None)
    assert record.metadata == {"key": None, "tombstone": True}
    assert registry.asked == []


async def test_a_registry_that_is_out_of_order_is_an_outage_and_no_fault_of_the_record(
    registry: RegistryServer, decoder: Decoder
) -> None:
    registry.status = 500
    record = record_of(framed(1, b"\x02a"), None)
    with pytest.raises(SourceError, match="HTTP 500"):
        await decoder.learn([record])
    registry.status, registry.schemas[1] = 200, {"schema": '"string"'}
    await decoder.learn([record])
    decoder.decode(record)
    assert record.body == b'"a"'


async def test_a_login_that_is_refused_is_told_without_the_password(registry: RegistryServer) -> None:
    options = SchemaRegistryOptions(url=registry.url, username="me", password="wrong")
    decoder = Decoder(options)
    with pytest.raises(Refused) as caught:
        await decoder.learn([record_of(framed(1, b""), None)])
    await decoder.close()
    assert "wrong" not in str(caught.value) + repr(options)
    decoder = Decoder(replace(options, password="s3cret"))
    await decoder.learn([record_of(framed(1, b""), None)])
    await decoder.close()


@pytest.mark.parametrize("wrong", [{"url": "registry:8081"}, {"url": "http://me:s3cret@registry"}, {"validate": ()}])
def test_options_that_can_never_work_are_refused(wrong: dict[str, Any]) -> None:
    registry = SchemaRegistryOptions(**({"url": "http://127.0.0.1:8081"} | wrong))
    with pytest.raises(OptionsError) as caught:
        KafkaSource(KafkaOptions(bootstrap_servers=["b1:9092"], topic="orders", schema_registry=registry))
    assert caught.value.field == "schema_registry"
    assert "s3cret" not in str(caught.value)


@pytest.mark.server
async def test_records_of_a_topic_come_decoded_and_an_outage_of_the_registry_loses_none(
    registry: RegistryServer, kafka: Cluster
) -> None:
    registry.schemas[1] = {"schema": '"string"'}
    registry.status = 503
    with topic(kafka.servers, 1) as made:
        await made.produce([Sent(framed(1, b"\x02a")), Sent(b"rubbish"), Sent(framed(1, b"\x02b"))])
        given = SchemaRegistryOptions(url=registry.url)
        async with opened(source_of(options_of(made, schema_registry=given))) as source:
            with pytest.raises(SourceError, match="schema registry"):
                await receive(source, 3)
            registry.status = 200
            records = await receive(source, 3)
            assert [record.body for record in records] == [b'"a"', b"rubbish", b'"b"']
            assert [record.metadata.get("undecodable") for record in records] == [None, "DESERIALIZATION_ERROR", None]
            assert not await source.settle(settled(records))


async def decoded(decoder: Decoder, value: bytes | None, key: bytes | None = None) -> Record:
    record = record_of(value, key)
    await decoder.learn([record])
    decoder.decode(record)
    return record


def record_of(value: bytes | None, key: bytes | None) -> Record:
    metadata: dict[str, Any] = {"key": key}
    if value is None:
        metadata["tombstone"] = True
    return Record(id="t-0:0", body=value or b"", metadata=metadata, key=key)


def framed(number: int, data: bytes) -> bytes:
    return b"\x00" + number.to_bytes(4, "big") + data


def avro(value: dict[str, Any]) -> bytes:
    named: dict[str, Any] = {}
    fastavro.parse_schema(MONEY, named_schemas=named)
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(ORDER, named_schemas=named), value)
    return stream.getvalue()


def protobuf_files() -> tuple[descriptor_pb2.FileDescriptorProto, descriptor_pb2.FileDescriptorProto]:
    """As the registry serializes them: without a name of their own; with what they import."""
    kinds = descriptor_pb2.FieldDescriptorProto
    part = descriptor_pb2.FileDescriptorProto(package="shop", syntax="proto3")
    part.message_type.add(name="Part").field.add(
        name="count", number=1, type=kinds.TYPE_INT32, label=kinds.LABEL_OPTIONAL
    )
    main = descriptor_pb2.FileDescriptorProto(package="shop", syntax="proto3")
    main.dependency.extend(["part.proto", struct_pb2.DESCRIPTOR.name])
    order = main.message_type.add(name="Order")
    order.field.add(name="order_id", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    order.field.add(name="part", number=2, type=kinds.TYPE_MESSAGE, label=kinds.LABEL_OPTIONAL, type_name=".shop.Part")
    order.field.add(
        name="more", number=3, type=kinds.TYPE_MESSAGE, label=kinds.LABEL_OPTIONAL, type_name=".google.protobuf.Struct"
    )
    outer = main.message_type.add(name="Outer")
    outer.nested_type.add(name="Inner").field.add(
        name="inner_name", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL
    )
    return main, part
