"""What a call to the Runtime or the Extensions API means in each state, as two tables. Nothing else changes a state.

Source: the runtime interface emulator's state machines, which are the service's own; one departure is marked. The id in a
path is checked before the state, by runtime_api.py. A move that is not in the table is refused (403) and the state stays.
"""

from __future__ import annotations

import enum


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


class ExtensionState(enum.Enum):
    """What an extension is doing; the values are the words of error messages."""

    STARTED = "Started"
    REGISTERED = "Registered"
    READY = "Ready"
    RUNNING = "Running"
    INIT_ERROR = "InitError"
    EXIT_ERROR = "ExitError"
    SHUTDOWN_FAILED = "ShutdownFailed"
    EXITED = "Exited"
    LAUNCH_ERROR = "LaunchError"


class ExtensionCall(enum.Enum):
    """What an extension asks for, or what happens to it (the last four)."""

    REGISTER = "Registered"
    NEXT = "Ready"
    INIT_ERROR = "InitError"
    EXIT_ERROR = "Exited"
    EVENT = "Running"
    LAUNCH_ERROR = "LaunchError"
    KILLED = "ShutdownFailed"
    GONE = "Gone"


EXTENSION_MOVES: dict[tuple[ExtensionState, ExtensionCall], ExtensionState] = {
    (ExtensionState.STARTED, ExtensionCall.REGISTER): ExtensionState.REGISTERED,
    (ExtensionState.STARTED, ExtensionCall.LAUNCH_ERROR): ExtensionState.LAUNCH_ERROR,
    (ExtensionState.STARTED, ExtensionCall.GONE): ExtensionState.EXITED,
    (ExtensionState.REGISTERED, ExtensionCall.NEXT): ExtensionState.READY,
    (ExtensionState.REGISTERED, ExtensionCall.INIT_ERROR): ExtensionState.INIT_ERROR,
    (ExtensionState.REGISTERED, ExtensionCall.EXIT_ERROR): ExtensionState.EXIT_ERROR,
    (ExtensionState.REGISTERED, ExtensionCall.GONE): ExtensionState.EXITED,
    # a departure: the emulator refuses; one that hung up on its first call may wait anew
    (ExtensionState.READY, ExtensionCall.NEXT): ExtensionState.READY,
    (ExtensionState.READY, ExtensionCall.EVENT): ExtensionState.RUNNING,
    (ExtensionState.READY, ExtensionCall.EXIT_ERROR): ExtensionState.EXIT_ERROR,
    (ExtensionState.READY, ExtensionCall.GONE): ExtensionState.EXITED,
    (ExtensionState.READY, ExtensionCall.KILLED): ExtensionState.SHUTDOWN_FAILED,
    (ExtensionState.RUNNING, ExtensionCall.NEXT): ExtensionState.READY,
    (ExtensionState.RUNNING, ExtensionCall.EXIT_ERROR): ExtensionState.EXIT_ERROR,
    (ExtensionState.RUNNING, ExtensionCall.KILLED): ExtensionState.SHUTDOWN_FAILED,
    (ExtensionState.RUNNING, ExtensionCall.GONE): ExtensionState.EXITED,
    (ExtensionState.INIT_ERROR, ExtensionCall.INIT_ERROR): ExtensionState.INIT_ERROR,
    (ExtensionState.EXIT_ERROR, ExtensionCall.EXIT_ERROR): ExtensionState.EXIT_ERROR,
}


def move(state: State, call: Call) -> State | None:
    """The state after the call, or None when it is not allowed."""
    return MOVES.get((state, call))


def extension_move(state: ExtensionState, call: ExtensionCall) -> ExtensionState | None:
    """The same for an extension."""
    return EXTENSION_MOVES.get((state, call))


def refusal(state: State, call: Call) -> str:
    """The 403's message."""
    wanted = Call.RESPONSE if call is Call.STREAM else call
    return _refusal(state.value, wanted.value, "runtime")


def extension_refusal(name: str, state: ExtensionState, call: ExtensionCall) -> str:
    """The same for the extension of that name."""
    return _refusal(state.value, call.value, f"extension {name}")


def _refusal(state: str, wanted: str, who: str) -> str:
    return f"State transition from {state} to {wanted} failed for {who}. Error: State transition is not allowed"
