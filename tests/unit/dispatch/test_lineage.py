"""A chain of invocations is counted by function in the trace header, whatever else stands in it."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from poller.dispatch.lineage import MOST_FUNCTIONS, entered, new_trace

F, G = "arn:aws:lambda:us-east-1:000000000000:function:f", "arn:aws:lambda:us-east-1:000000000000:function:g"


def test_a_new_trace_is_as_the_service_makes_it() -> None:
    pattern = r"Root=1-6553f100-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0"
    assert re.fullmatch(pattern, new_trace(1_700_000_000.9))
    assert new_trace(0.0) != new_trace(0.0)


def test_each_entry_counts_one_more() -> None:
    trace, count = entered("Root=1-a-b;Parent=c;Sampled=1", F)
    assert count == 1
    assert re.fullmatch(r"Root=1-a-b;Parent=c;Sampled=1;Lineage=[0-9a-f]{8}:1", trace)
    trace, count = entered(trace, F)
    assert count == 2
    assert trace.endswith(":2")


def test_functions_are_counted_apart() -> None:
    trace, counts = "Root=1-a-b", []
    for arn in (F, G, F, F, G):
        trace, count = entered(trace, arn)
        counts.append(count)
    assert counts == [1, 1, 2, 3, 2]
    assert trace.count(":") == 2
    assert trace.count("Lineage=") == 1


def test_what_the_service_wrote_is_carried_on() -> None:
    trace, count = entered("Root=1-a-b;Lineage=a87bd80c:1|68fd508a:5|c512fbe3:2", F)
    assert count == 1
    assert "Lineage=a87bd80c:1|68fd508a:5|c512fbe3:2|" in trace


def test_a_lineage_does_not_grow_for_ever() -> None:
    trace = ""
    for number in range(100):
        trace, _ = entered(trace, f"{F}{number}")
    assert trace.count(":") == MOST_FUNCTIONS


@given(st.text(max_size=200))
def test_no_header_is_too_strange(text: str) -> None:
    first, count = entered(text, F)
    again, next_count = entered(first, F)
    assert next_count == count + 1
    fields = [field for field in text.split(";") if field and not field.startswith("Lineage=")]
    assert again.split(";")[:-1] == fields
