"""Every labelled pattern: recorded outcomes of the services, and outcomes in the tests of AWS's open matcher."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from poller.envelope import content
from poller.pipeline.filter import FilterError, compile_criteria

GOLDEN = Path(__file__).parents[2] / "golden/filter-patterns.jsonl"
VECTORS = [json.loads(line) for line in GOLDEN.read_text().splitlines()]


def label(vector: dict[str, Any]) -> bool | str:
    event = vector["event"]
    try:
        source = "kinesis" if vector["name"].startswith("esm-kinesis") else "sqs"
        criteria = compile_criteria([vector["pattern"]], content(source))
        if isinstance(event, str):
            event = json.loads(event)
    except (FilterError, ValueError):
        return "error"
    return criteria.match(event) if isinstance(event, dict) else "error"


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_the_vector_has_its_labelled_outcome(vector: dict[str, Any]) -> None:
    assert label(vector) == vector["match"]
