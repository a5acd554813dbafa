"""The table, move by move: what is allowed, and that nothing else is."""

from __future__ import annotations

import itertools

import pytest

from poller.execution.runtime_api.states import MOVES, Call, State, refusal

# rows: states; columns: NEXT RESPONSE ERROR INIT_ERROR RESTORE_NEXT RESTORE_ERROR STREAM SENT RESTORED; "" is a refusal
RUNTIME = """
STARTED       READY   .             .             INIT_ERROR RESTORE_READY .             .        .             .
READY         READY   .             .             .          .             .             .        .             .
RUNNING       RUNNING RESPONSE_SENT RESPONSE_SENT .          .             .             RESPONSE .             .
RESPONSE      .       .             .             .          .             .             .        RESPONSE_SENT .
RESPONSE_SENT READY   .             .             .          .             .             .        .             .
INIT_ERROR    .       .             .             .          .             .             .        .             .
RESTORE_READY READY   .             .             .          .             .             .        .             RESTORING
RESTORING     READY   .             .             .          .             RESTORE_ERROR .        .             .
RESTORE_ERROR .       .             .             .          .             .             .        .             .
"""


def cells(table: str, calls: list[str]) -> list[tuple[str, str, str]]:
    rows = [line.split() for line in table.strip().splitlines()]
    return [(state, call, after) for state, *cells in rows for call, after in zip(calls, cells, strict=True)]


@pytest.mark.parametrize(("state", "call", "after"), cells(RUNTIME, [call.name for call in Call]))
def test_a_runtimes_move(state: str, call: str, after: str) -> None:
    assert MOVES.get((State[state], Call[call])) is (None if after == "." else State[after])


def test_the_table_is_covered() -> None:
    assert {row[0] for row in cells(RUNTIME, [call.name for call in Call])} == {state.name for state in State}
    assert set(MOVES) <= set(itertools.product(State, Call))


def test_refusals_have_the_services_words() -> None:
    assert refusal(State.RESPONSE_SENT, Call.ERROR) == (
        "State transition from InvocationResponseSent to InvocationErrorResponse failed for runtime. "
        "Error: State transition is not allowed"
    )
    assert refusal(State.STARTED, Call.STREAM).startswith("State transition from Started to InvocationResponse failed")
