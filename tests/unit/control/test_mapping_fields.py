"""Every field of AWS's event source mapping, source by source: it changes what runs, or it is refused at start by its name.

The fields are those of the service's own model. Reference: Lambda API, CreateEventSourceMapping; Lambda DG, parameters by source.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader

from connectors.contract import Identity
from poller.control import assemble, mappings
from poller.control.checkpoints import CheckpointStore
from poller.settings.load import load
from poller.settings.problems import SettingsError
from tests.fakes.virtual_time import LoopClock
from tests.unit.control.test_versions import Drivers

BROKERS = ["127.0.0.1:9092"]
SOURCES: dict[str, dict[str, Any]] = {
    "sqs": {"type": "sqs", "queue": "orders"},
    "fifo": {"type": "sqs", "queue": "orders.fifo"},
    "kinesis": {"type": "kinesis", "stream": "clicks"},
    "dynamodb": {"type": "dynamodb-streams", "table": "orders"},
    "kafka": {"type": "kafka", "bootstrap_servers": BROKERS, "topic": "orders"},
    "redis-stream": {"type": "redis-stream", "stream": "entries", "key_field": "customer"},
    "redis-list": {"type": "redis-list", "list": "jobs"},
    "redis-pubsub": {"type": "redis-pubsub", "channels": ["news"]},
}
ALL = frozenset(SOURCES)
STREAMS = frozenset({"kinesis", "dynamodb", "kafka", "redis-stream"})
PLACED = {"starting_position": "AT_TIMESTAMP", "starting_position_timestamp": "2026-01-01T00:00:00Z"}
PATTERN = [{"eventSource": ["aws:kinesis"]}]

TAKEN: dict[str, tuple[dict[str, Any], frozenset[str]]] = {
    "BatchSize": ({"batch_size": 7}, ALL),
    "MaximumBatchingWindowInSeconds": ({"maximum_batching_window_seconds": 3}, ALL - {"fifo"}),
    "FilterCriteria": ({"filter_criteria": PATTERN}, ALL),
    "ScalingConfig": ({"maximum_concurrency": 2}, ALL),
    "ParallelizationFactor": ({"parallelization_factor": 2}, STREAMS),
    "StartingPosition": ({"starting_position": "LATEST"}, STREAMS),
    "StartingPositionTimestamp": (PLACED, STREAMS - {"dynamodb"}),
    "DestinationConfig": ({"destination_config": {"on_failure": {"destination": "file:./failures"}}}, STREAMS),
    "MaximumRecordAgeInSeconds": ({"maximum_record_age_seconds": 60}, STREAMS),
    "BisectBatchOnFunctionError": ({"bisect_batch_on_function_error": True}, STREAMS),
    "MaximumRetryAttempts": ({"maximum_retry_attempts": 2}, STREAMS),
    "TumblingWindowInSeconds": ({"tumbling_window_seconds": 30}, STREAMS),
    "FunctionResponseTypes": ({"function_response_types": ["ReportBatchItemFailures"]}, ALL - {"redis-pubsub"}),
}
"""Field -> our key, and the sources with which it means something; with others it is refused."""

REQUIRED = {"EventSourceArn", "FunctionName", "Topics", "SelfManagedEventSource", "Enabled"}
"""What the other tests of this folder and of the sources are about: ``source`` stands for three of them."""

REFUSED = {
    "KMSKeyArn": "kms_key_arn",
    "MetricsConfig": "metrics_config",
    "LoggingConfig": "logging_config",
    "Tags": "tags",
    "Queues": "queues",
    "SourceAccessConfigurations": "source_access_configurations",
    "AmazonManagedKafkaEventSourceConfig": "amazon_managed_kafka_event_source_config",
    "SelfManagedKafkaEventSourceConfig": "self_managed_kafka_event_source_config",
    "DocumentDBEventSourceConfig": "document_db_event_source_config",
    "ProvisionedPollerConfig": "provisioned_poller_config",
}
"""No keys of ours."""


def test_no_field_is_forgotten() -> None:
    model = Loader().load_service_model("lambda", "service-2")
    fields = set(model["shapes"]["CreateEventSourceMappingRequest"]["members"])
    assert fields == {*TAKEN, *REQUIRED, *REFUSED}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("field", TAKEN)
async def test_a_field_changes_what_runs_or_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str, source: str
) -> None:
    keys, takers = TAKEN[field]
    if source in takers:
        assert await running(tmp_path, monkeypatch, source, keys) != await running(tmp_path, monkeypatch, source, {})
    else:
        with pytest.raises(SettingsError) as refused:
            loaded(tmp_path, source, keys)
        told = [str(problem) for problem in refused.value.problems]
        assert {key for key in keys if any(f"event_source_mappings.m.{key}: " in line for line in told)}


@pytest.mark.parametrize("key", REFUSED.values())
def test_what_is_no_key_of_ours_is_refused_by_its_name(tmp_path: Path, key: str) -> None:
    with pytest.raises(SettingsError, match=rf"event_source_mappings\.m\.{key}: unknown key"):
        loaded(tmp_path, "kinesis", {key: {}})


@pytest.mark.parametrize(
    ("source", "key", "hint"),
    [
        ("redis-list", "maximum_retry_attempts", "set the source's maximum_receives"),
        ("redis-list", "destination_config", "set the source's dead_letter_list"),
        ("redis-stream", "parallelization_factor", "set the source's key_field"),
    ],
)
def test_a_source_that_has_it_by_another_name_says_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, key: str, hint: str
) -> None:
    monkeypatch.delitem(SOURCES["redis-stream"], "key_field")
    field = next(keys for keys, _ in TAKEN.values() if key in keys)
    with pytest.raises(SettingsError, match=rf"m\.{key}: .*; {hint}$"):
        loaded(tmp_path, source, field)


def loaded(folder: Path, source: str, keys: dict[str, Any]) -> Any:
    (folder / "app.py").write_text("def handler(event, context): return 1\n")
    document = {
        "state": str(folder / "state"),
        "aws": {"endpoint_url": "http://127.0.0.1:1", "region": "us-east-1"},
        "functions": {"f": {"code": ".", "runtime": "python3.11", "handler": "app.handler"}},
        "event_source_mappings": {"m": {"source": SOURCES[source], "function": "f", **keys}},
    }
    (folder / "pollerd.json").write_text(json.dumps(document))
    return load(folder / "pollerd.json")


async def running(
    folder: Path, monkeypatch: pytest.MonkeyPatch, source: str, keys: dict[str, Any]
) -> dict[str, object]:
    """What the engine is given for a mapping with these keys, in values that can be compared."""
    settings = loaded(folder, source, keys)
    given: dict[str, Any] = {}

    def take(plan: Any, _source: object, **more: Any) -> None:
        given.update(more, plan=plan)

    monkeypatch.setattr(mappings, "Mapping", take)
    monkeypatch.setattr(mappings, "StreamMapping", take)
    around = mappings.Around(
        settings=settings,
        pools=assemble.pools(settings, Drivers(), print, LoopClock()),
        slots=assemble.slots(settings),
        invoker=None,  # type: ignore[arg-type]  # nothing runs
        clock=LoopClock(),
        emit=lambda _: None,
    )
    if mappings.is_stream(settings.event_source_mappings["m"]):
        store = CheckpointStore(Path(settings.state), lambda _: None)
        async with store.taken("m") as checkpoints:
            mappings.stream("m", around, checkpoints)
        await store.close()
    else:
        mappings.queue("m", around)
    plan = dataclasses.asdict(dataclasses.replace(given["plan"], criteria=None))
    plan["envelope"] = type(given["plan"].envelope(Identity("", "", "")))
    destination = given.get("destination")
    return plan | {
        "filtered": given["plan"].criteria is not None,
        "destination": type(destination),
        "claim": given["claim"].limit,
    }
