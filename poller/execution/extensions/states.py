"""What a call to the Extensions API means in each state of the extension that calls, as a table. Nothing else changes a state.

Source: the runtime interface emulator's state machine, which is the service's own; one departure is marked. A move that is not in the
table is refused (403) and the state stays.
"""

from __future__ import annotations

import enum

from poller.execution.listener.replies import no_transition


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


def extension_move(state: ExtensionState, call: ExtensionCall) -> ExtensionState | None:
    """The state after the call, or None when it is not allowed."""
    return EXTENSION_MOVES.get((state, call))


def extension_refusal(name: str, state: ExtensionState, call: ExtensionCall) -> str:
    """The 403's message, for the extension of that name."""
    return no_transition(state.value, call.value, f"extension {name}")
