"""Any answer at all: every record gets exactly one outcome, and only named ones come again."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Outcome, Record
from poller.execution.contract import Result, Status
from poller.pipeline.judge import judge

json = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
ids = st.lists(st.sampled_from("abcdef"), unique=True, min_size=1, max_size=6)
items = st.lists(st.fixed_dictionaries({"itemIdentifier": st.sampled_from("abcdefgh")}), max_size=6)


@given(
    ids, st.binary(max_size=20) | json.map(orjson.dumps) | json.map(lambda v: orjson.dumps({"batchItemFailures": v}))
)
def test_no_answer_leaves_a_record_without_an_outcome(names: list[str], payload: bytes) -> None:
    records = [Record(id=name, body="") for name in names]
    verdict = judge(Result(request_id="", status=Status.SUCCESS, payload=payload), records, item_failures=True)
    assert [settlement.record for settlement in verdict.settlements] == records
    assert {settlement.outcome for settlement in verdict.settlements} <= {Outcome.DELIVERED, Outcome.RETRY}
    assert bool(verdict.why) == (verdict.failed > 0)


@given(ids, items)
def test_named_records_come_again_unless_one_is_unknown(names: list[str], named: list[dict[str, str]]) -> None:
    records = [Record(id=name, body="") for name in names]
    payload = orjson.dumps({"batchItemFailures": named})
    verdict = judge(Result(request_id="", status=Status.SUCCESS, payload=payload), records, item_failures=True)
    wanted = {item["itemIdentifier"] for item in named}
    again = {s.record.id for s in verdict.settlements if s.outcome is Outcome.RETRY}
    assert again == (set(names) if wanted - set(names) else wanted)
