"""What a fact is, and where facts go."""

from __future__ import annotations

from collections.abc import Callable


class Fact:
    """Base of all facts. Nobody changes one, frozen or not; to freeze costs as much as all the rest of making one."""

    __slots__ = ()


Emit = Callable[[Fact], None]
"""Where facts go. Synchronous, cheap, never raises."""
