"""``pollerd check --event``: an event, one record or a content of each source, put to the filters of a mapping."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors import registry
from connectors.contract import Capabilities
from poller import cli

GOLDEN = Path(__file__).parents[2] / "golden/events"


@dataclass(frozen=True)
class NoOptions:
    """There are none."""


class Kinesis:
    Options = NoOptions
    capabilities = Capabilities(envelope="kinesis", stream=True)

    def __init__(self, options: NoOptions) -> None:
        pass


class DynamoDb(Kinesis):
    capabilities = Capabilities(envelope="dynamodb", stream=True)


class Kafka(Kinesis):
    capabilities = Capabilities(envelope="kafka", stream=True)


class Sqs(Kinesis):
    capabilities = Capabilities(envelope="sqs")


SOURCES = {kind.__name__.lower(): f"{__name__}:{kind.__name__}" for kind in (Kinesis, DynamoDb, Kafka, Sqs)}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(registry, "BUILT_IN", SOURCES)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text("")
    return tmp_path


def check(source: str, pattern: Any, event: str) -> Any:
    """Exit code."""
    functions = {"f": {"code": ".", "runtime": "python3.11", "handler": "app.handler"}}
    mapping = {"source": {"type": source}, "function": "f", "filter_criteria": [pattern]}
    settings = {"sandbox": "none", "functions": functions, "event_source_mappings": {"m": mapping}}
    Path("pollerd.json").write_text(json.dumps(settings))
    Path("event").write_text(event)
    with pytest.raises(SystemExit) as ended:
        cli.main(["check", "pollerd.json", "--event", "event", "m"])
    return ended.value.code


VALUE = {"value": {"name": ["product5"]}}
KAFKA = json.loads((GOLDEN / "kafka-msk/base.json").read_text())["records"]["mytopic-0"]


@pytest.mark.parametrize(
    ("source", "pattern", "event", "said"),
    [
        ("kinesis", {"partitionKey": ["test_1"]}, "kinesis/recorded-batch", [False, True, False]),
        ("kinesis", {"data": {"a": [1]}}, '{"a": 1}', [True]),
        ("kinesis", {"data": {"a": [1]}}, "text", [False]),
        ("dynamodb", {"eventName": ["REMOVE"]}, "dynamodb/insert-modify-remove", [False, False, True]),
        ("dynamodb", {"dynamodb": {"Keys": {"a": {"S": ["x"]}}}}, '{"Keys": {"a": {"S": "x"}}}', [True]),
        ("kafka", VALUE | {"offset": [16]}, "kafka-msk/base", [False, True, False]),
        ("kafka", VALUE | {"offset": [16]}, json.dumps(KAFKA[1]), [True]),
        ("kafka", {"value": {"value": ["x"]}}, '{"value": "x"}', [True]),  # a content, though it has the name
        ("kafka", {"value": ["text"]}, "text", [True]),
        ("sqs", {"body": {"foo": ["bar"]}}, "sqs/recorded-no-attributes", [True]),
        ("sqs", {"body": {"a": [1]}}, '{"body": "{\\"a\\": 1}"}', [True]),
        ("sqs", {"body": {"body": {"a": [1]}}}, '{"body": {"a": 1}}', [True]),
    ],
)
def test_each_record_is_put_to_the_filters(
    source: str, pattern: Any, event: str, said: list[bool], capsys: pytest.CaptureFixture[str]
) -> None:
    file = GOLDEN / f"{event}.json"
    code = check(source, pattern, file.read_text() if "/" in event else event)
    verdicts = [line for line in capsys.readouterr().out.splitlines() if line.startswith("record ")]
    assert verdicts == [f"record {n}: {'passes' if each else 'is dropped'}" for n, each in enumerate(said)]
    assert code == (0 if all(said) else 1)


def test_a_pattern_that_the_source_cannot_have_is_a_problem_of_the_configuration(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert check("kinesis", {"data": ["text"]}, "text") == 78
    told = "event_source_mappings.m.filter_criteria: filter [0] at data: it is JSON to patterns, never a text: name what is in it"
    assert told in capsys.readouterr().err
