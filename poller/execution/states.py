"""The runtime's side of the Runtime API as a table: what a call means in each state. Nothing else changes the state.

Source: the runtime interface emulator's state machine, which is the service's own. The id in a path is checked before the
state, by runtime_api.py.
"""

from __future__ import annotations

import enum


class State(enum.Enum):
    """What the runtime is doing; the values are the words of error messages."""

    STARTED = "Started"
    READY = "Ready"
    RUNNING = "Running"
    RESPONSE_SENT = "InvocationResponseSent"
    INIT_ERROR = "InitError"


class Call(enum.Enum):
    """What the runtime asks for; the values are the states it asks to be in."""

    NEXT = "Ready"
    RESPONSE = "InvocationResponse"
    ERROR = "InvocationErrorResponse"
    INIT_ERROR = "InitError"


MOVES: dict[tuple[State, Call], State] = {
    (State.STARTED, Call.NEXT): State.READY,
    (State.STARTED, Call.INIT_ERROR): State.INIT_ERROR,
    (State.RUNNING, Call.NEXT): State.RUNNING,  # it lost the event: the same one again
    (State.RUNNING, Call.RESPONSE): State.RESPONSE_SENT,
    (State.RUNNING, Call.ERROR): State.RESPONSE_SENT,
    (State.RESPONSE_SENT, Call.NEXT): State.READY,
}


def move(state: State, call: Call) -> State | None:
    """The state after the call, or None when it is not allowed: 403, and the state stays."""
    return MOVES.get((state, call))


def refusal(state: State, call: Call) -> str:
    """The 403's message."""
    return (
        f"State transition from {state.value} to {call.value} failed for runtime. "
        "Error: State transition is not allowed"
    )
