"""The set-ups in config/examples load, and their functions deal with the events AWS would send them."""

from __future__ import annotations

import importlib.util
import json
import logging
import types
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from poller.settings.load import load, profiles_of

EXAMPLES = Path(__file__).parents[3] / "config" / "examples"
EVENTS = Path(__file__).parents[2] / "golden" / "events"


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    level = logging.getLogger().level
    yield
    logging.getLogger().setLevel(level)


def module(name: str) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / "functions" / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def event(name: str) -> Any:
    return json.loads((EVENTS / name).read_text())


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.stem)
def test_an_example_loads(file: Path) -> None:
    settings = load(file)
    assert settings.functions
    invoked = [function for function in settings.functions.values() if function.event_invoke_config]
    assert settings.event_source_mappings or invoked


def test_an_example_s_profile_loads_with_its_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("admin-key", "orders-api"):
        (tmp_path / name).write_text(f"the secret of {name}".replace(" ", "-") + "\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("CONCURRENCY", "300")
    for variable in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "AWS_REGION", "STAGE"):
        monkeypatch.delenv(variable, raising=False)
    file = EXAMPLES / "profiles.yaml"
    assert profiles_of(file) == ("", "production")
    settings = load(file, profile="production")
    assert settings.concurrency == 300
    assert settings.functions["orders"].environment == {"API_TOKEN": "the-secret-of-orders-api"}
    assert settings.http.keys["admin"].secret_access_key == "the-secret-of-admin-key"
    source = settings.event_source_mappings["orders-queue"].source.options
    assert (source.queue, source.endpoint_url, source.allow_aws) == ("orders-dev", "", True)
    assert load(file, profile="").aws.endpoint_url == "http://127.0.0.1:4566"


def test_there_are_examples_and_each_function_is_used_by_one() -> None:
    functions = {name for file in EXAMPLES.glob("*.yaml") for name in load(file).functions}
    assert functions == {folder.name for folder in (EXAMPLES / "functions").iterdir()}


def test_the_orders_function_names_the_messages_that_are_no_orders() -> None:
    order = {"id": "o-1", "lines": [{"price": "2.50", "quantity": 2}]}
    bodies = {
        "good": json.dumps(order),
        "text": "hello",
        "empty": "{}",
        "list": "[]",
        "price": '{"id": 1, "lines": [{"price": "x", "quantity": 1}]}',
    }
    [record] = event("sqs/recorded-no-attributes.json")["Records"]
    records = [record | {"messageId": name, "body": body} for name, body in bodies.items()]
    answer = module("orders").handler({"Records": records}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": name} for name in ("text", "empty", "list", "price")]}


def test_the_ledger_function_stops_an_account_at_its_first_failure_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LEDGER_URL", "http://127.0.0.1:1/bookings")
    ledger = module("ledger")
    booked: list[str] = []

    def book(message: str, account: str, booking: dict[str, Any]) -> None:
        if booking["cents"] < 0:
            raise ConnectionError
        booked.append(message)

    monkeypatch.setattr(ledger, "book", book)
    record = event("sqs-fifo/recorded-batch.json")["Records"][0]
    messages = [("a1", "a", 1), ("a2", "a", -1), ("b1", "b", 1), ("a3", "a", 1), ("b2", "b", 1)]
    records = [
        record
        | {
            "messageId": name,
            "body": json.dumps({"cents": cents}),
            "attributes": record["attributes"] | {"MessageGroupId": account},
        }
        for name, account, cents in messages
    ]
    assert ledger.handler({"Records": records}, None) == {
        "batchItemFailures": [{"itemIdentifier": "a2"}, {"itemIdentifier": "a3"}]
    }
    assert booked == ["a1", "b1", "b2"]


@pytest.mark.parametrize("name", ["attributes-string-binary.json", "notification.json", "recorded-null-subject.json"])
def test_the_alerts_function_logs_notifications(name: str, caplog: pytest.LogCaptureFixture) -> None:
    notified = event(f"sns/{name}")
    module("alerts").handler(notified, None)
    logged = " ".join(record.getMessage() for record in caplog.records)
    assert all(record["Sns"]["Message"] in logged for record in notified["Records"])


def test_the_clicks_function_names_the_first_record_that_is_no_click() -> None:
    [record, *_] = event("kinesis/recorded-batch.json")["Records"]
    contents = [b'{"visitor": "ann", "page": "/"}', b"hello", b"[]"]
    records = [
        record | {"kinesis": {**record["kinesis"], "sequenceNumber": str(at), "data": b64encode(content).decode()}}
        for at, content in enumerate(contents)
    ]
    assert module("clicks").handler({"Records": records}, None) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert module("clicks").handler({"Records": records[:1]}, None) == {"batchItemFailures": []}


def test_the_changes_function_logs_what_has_changed(caplog: pytest.LogCaptureFixture) -> None:
    module("changes").handler(event("dynamodb/insert-modify-remove.json"), None)
    logged = [record.getMessage() for record in caplog.records]
    assert logged == [
        "INSERT {'Id': {'N': '101'}}: Id, Message",
        "MODIFY {'Id': {'N': '101'}}: Message",
        "REMOVE {'Id': {'N': '101'}}: Id, Message",
    ]


@pytest.mark.parametrize("name", ["kafka-self-managed/base.json", "kafka-msk/keyless-and-tombstone.json"])
def test_the_shipments_function_logs_every_record(name: str, caplog: pytest.LogCaptureFixture) -> None:
    of_kafka = event(name)
    for records in of_kafka["records"].values():
        for record in records:
            if "value" in record:
                record["value"] = b64encode(b'{"parcel": 1}').decode()
    module("shipments").handler(of_kafka, None)
    assert len(caplog.records) == sum(len(records) for records in of_kafka["records"].values())


def test_the_entries_function_names_the_records_that_are_no_json(caplog: pytest.LogCaptureFixture) -> None:
    stream = {"eventSource": "redis:stream", "redis": {"sequenceNumber": "1-0", "data": '{"page":"/cart"}'}}
    good, bad = ({"eventSource": "redis:list", "messageId": text, "body": text} for text in ("[1]", "hello"))
    answer = module("entries").handler({"Records": [stream, good, bad]}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "hello"}]}
    logged = [record.getMessage() for record in caplog.records]
    assert logged == ["redis:stream 1-0: {'page': '/cart'}", "redis:list [1]: [1]"]


def test_the_invoices_function_fails_with_what_is_no_order() -> None:
    lines = [{"cents": 250, "quantity": 2}, {"cents": 100, "quantity": 1}]
    assert module("invoices").handler({"order": 1, "lines": lines}, None) == {"order": 1, "cents": 600}
    with pytest.raises(KeyError):
        module("invoices").handler({"order": 1}, None)


@pytest.mark.parametrize("name", ["recorded-async-success", "recorded-async-failure-retries-exhausted"])
def test_the_audit_function_logs_records(name: str, caplog: pytest.LogCaptureFixture) -> None:
    record = event(f"destinations/{name}.json")
    module("audit").handler(record, None)
    [logged] = [record.getMessage() for record in caplog.records]
    assert logged.startswith(record["requestContext"]["condition"])
