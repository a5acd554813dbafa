"""What a call to the Runtime API means in each state, as a table. Nothing else changes a state.

Source: the runtime interface emulator's state machine, which is the service's own. The id in a path is checked before the state, by
api.py. A move that is not in the table is refused (403) and the state stays.
"""

from __future__ import annotations

import enum

from poller.execution.listener.replies import no_transition


class State(enum.Enum):
    """What the runtime is doing; the values are the words of error messages."""

    STARTED = "Started"
    READY = "Ready"
    RUNNING = "Running"
    RESPONSE = "InvocationResponse"  # its body is still being read
    RESPONSE_SENT = "InvocationResponseSent"
    INIT_ERROR = "InitError"
    RESTORE_READY = "RestoreReady"
    RESTORING = "Restoring"
    RESTORE_ERROR = "RestoreError"
    __hash__ = object.__hash__  # members are alone in being equal to themselves; Enum's own hash is a call into Python


class Call(enum.Enum):
    """What the runtime asks for; the values are the states it asks to be in. The last three are no calls of its own."""

    NEXT = "Ready"
    RESPONSE = "InvocationResponse"
    ERROR = "InvocationErrorResponse"
    INIT_ERROR = "InitError"
    RESTORE_NEXT = "RestoreReady"
    RESTORE_ERROR = "RestoreError"
    STREAM = "a streamed InvocationResponse"
    SENT = "InvocationResponseSent"  # its body has come
    RESTORED = "Restoring"
    __hash__ = object.__hash__


MOVES: dict[tuple[State, Call], State] = {
    (State.STARTED, Call.NEXT): State.READY,
    (State.STARTED, Call.INIT_ERROR): State.INIT_ERROR,
    (State.STARTED, Call.RESTORE_NEXT): State.RESTORE_READY,
    (State.READY, Call.NEXT): State.READY,  # it hung up on its first call and waits anew
    (State.RUNNING, Call.NEXT): State.RUNNING,  # it lost the event: the same one again
    (State.RUNNING, Call.RESPONSE): State.RESPONSE_SENT,
    (State.RUNNING, Call.ERROR): State.RESPONSE_SENT,
    (State.RUNNING, Call.STREAM): State.RESPONSE,
    (State.RESPONSE, Call.SENT): State.RESPONSE_SENT,
    (State.RESPONSE_SENT, Call.NEXT): State.READY,
    (State.RESTORE_READY, Call.NEXT): State.READY,
    (State.RESTORE_READY, Call.RESTORED): State.RESTORING,
    (State.RESTORING, Call.NEXT): State.READY,
    (State.RESTORING, Call.RESTORE_ERROR): State.RESTORE_ERROR,
}


def refusal(state: State, call: Call) -> str:
    """The 403's message."""
    wanted = Call.RESPONSE if call is Call.STREAM else call
    return no_transition(state.value, wanted.value, "runtime")
