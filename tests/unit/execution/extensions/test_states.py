"""The table, move by move: what is allowed, and that nothing else is."""

from __future__ import annotations

import itertools

import pytest

from poller.execution.extensions.states import (
    EXTENSION_MOVES,
    ExtensionCall,
    ExtensionState,
    extension_move,
    extension_refusal,
)

# rows: states; columns: REGISTER NEXT INIT_ERROR EXIT_ERROR EVENT LAUNCH_ERROR KILLED GONE; "." is a refusal
EXTENSION = """
STARTED         REGISTERED . . . . LAUNCH_ERROR . EXITED
REGISTERED      . READY INIT_ERROR EXIT_ERROR . . . EXITED
READY           . READY . EXIT_ERROR RUNNING . SHUTDOWN_FAILED EXITED
RUNNING         . READY . EXIT_ERROR . . SHUTDOWN_FAILED EXITED
INIT_ERROR      . . INIT_ERROR . . . . .
EXIT_ERROR      . . . EXIT_ERROR . . . .
SHUTDOWN_FAILED . . . . . . . .
EXITED          . . . . . . . .
LAUNCH_ERROR    . . . . . . . .
"""


def cells(table: str, calls: list[str]) -> list[tuple[str, str, str]]:
    rows = [line.split() for line in table.strip().splitlines()]
    return [(state, call, after) for state, *cells in rows for call, after in zip(calls, cells, strict=True)]


@pytest.mark.parametrize(("state", "call", "after"), cells(EXTENSION, [call.name for call in ExtensionCall]))
def test_an_extensions_move(state: str, call: str, after: str) -> None:
    assert extension_move(ExtensionState[state], ExtensionCall[call]) is (
        None if after == "." else ExtensionState[after]
    )


def test_the_table_is_covered() -> None:
    seen = {row[0] for row in cells(EXTENSION, [call.name for call in ExtensionCall])}
    assert seen == {state.name for state in ExtensionState}
    assert set(EXTENSION_MOVES) <= set(itertools.product(ExtensionState, ExtensionCall))


def test_a_refusal_has_the_services_words() -> None:
    assert extension_refusal("watcher", ExtensionState.RUNNING, ExtensionCall.INIT_ERROR) == (
        "State transition from Running to InitError failed for extension watcher. Error: State transition is not allowed"
    )
