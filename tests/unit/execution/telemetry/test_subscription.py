"""What may be subscribed to, and each rule that a request can break."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from poller.execution.telemetry.records import CONCURRENT_SCHEMAS
from poller.execution.telemetry.subscription import Destination, Invalid, Subscription, read

SAMPLE = Path(__file__).parents[3] / "golden/events/telemetry/subscribe-request.json"
GOOD: dict[str, Any] = {
    "schemaVersion": "2022-07-01",
    "types": ["platform"],
    "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/path?q"},
}


def http(uri: object, **more: object) -> dict[str, object]:
    return {"destination": {"protocol": "HTTP", "URI": uri, **more}}


def test_the_guides_sample() -> None:
    assert read(SAMPLE.read_bytes(), logs=False) == Subscription(
        schema="2022-07-01",
        types=("platform", "function", "extension"),
        destination=Destination(port=8080, method="POST", path="/", host="sandbox.localdomain:8080"),
        max_items=1000,
        max_bytes=262144,
        timeout_seconds=0.1,
    )


def test_where_invocations_run_beside_each_other_only_the_newest_schema_is_served() -> None:
    newest = GOOD | {"schemaVersion": CONCURRENT_SCHEMAS[0]}
    assert read(json.dumps(newest).encode(), logs=False, schemas=CONCURRENT_SCHEMAS).schema == "2025-01-29"
    with pytest.raises(Invalid, match=r"schemaVersion must be one of 2025-01-29$"):
        read(json.dumps(GOOD).encode(), logs=False, schemas=CONCURRENT_SCHEMAS)


def test_defaults_and_paths() -> None:
    found = read(json.dumps(GOOD).encode(), logs=False)
    assert (found.max_items, found.max_bytes, found.timeout_seconds) == (10_000, 262_144, 1.0)
    assert found.destination.path == "/path?q"
    old = GOOD | {"schemaVersion": "2020-08-15"} | http("http://sandbox:80", method="PUT")
    assert read(json.dumps(old).encode(), logs=True).destination == Destination(
        port=80, method="PUT", path="/", host="sandbox:80"
    )
    del old["schemaVersion"]
    assert read(json.dumps(old).encode(), logs=True).schema == "2020-08-15"
    tcp = GOOD | {"destination": {"protocol": "TCP", "port": 9000}}
    assert read(json.dumps(tcp).encode(), logs=False).destination == Destination(port=9000)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schemaVersion": "2020-08-15"}, "schemaVersion"),
        ({"schemaVersion": None}, "schemaVersion"),
        ({"types": []}, "types"),
        ({"types": ["metrics"]}, "types"),
        ({"types": "platform"}, "types"),
        ({"types": [[]]}, "types"),
        ({"buffering": []}, "buffering"),
        ({"buffering": {"maxItems": 999}}, "maxItems"),
        ({"buffering": {"maxItems": 10_001}}, "maxItems"),
        ({"buffering": {"maxBytes": 262_143}}, "maxBytes"),
        ({"buffering": {"maxBytes": 1_048_577}}, "maxBytes"),
        ({"buffering": {"timeoutMs": 24}}, "timeoutMs"),
        ({"buffering": {"timeoutMs": 30_001}}, "timeoutMs"),
        ({"buffering": {"timeoutMs": True}}, "timeoutMs"),
        ({"destination": None}, "destination"),
        ({"destination": {"protocol": "UDP"}}, "protocol"),
        ({"destination": {"protocol": "TCP"}}, "port"),
        ({"destination": {"protocol": "TCP", "port": 0}}, "port"),
        ({"destination": {"protocol": "TCP", "port": 65536}}, "port"),
        ({"destination": {"protocol": "TCP", "port": 9001}}, "reserved"),
        (http(None), "URI"),
        (http("https://sandbox.localdomain:8080"), "URI"),
        (http("http://example.com:8080"), "URI"),
        (http("http://sandbox.localdomain:99999"), "URI"),
        (http("http://sandbox.localdomain:9001"), "reserved"),
        (http("http://sandbox.localdomain:8080/a\r\nX: y"), "URI"),
    ],
)
def test_a_broken_rule_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        read(json.dumps(GOOD | change).encode(), logs=False)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"1"])
def test_what_is_no_object(body: bytes) -> None:
    with pytest.raises(Invalid, match="JSON"):
        read(body, logs=False)


def test_the_method_is_the_logs_apis_to_choose() -> None:
    with pytest.raises(Invalid, match="method"):
        read(
            json.dumps(GOOD | {"schemaVersion": "2021-03-18"} | http("http://sandbox:1", method="GET")).encode(),
            logs=True,
        )
