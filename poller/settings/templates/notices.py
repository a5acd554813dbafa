"""What a template asks for and nobody does here. Not an error: the functions run as they are written all the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from poller.settings.nodes import Place


@dataclass(frozen=True, slots=True)
class Notice:
    """member: the property of a resource, with dots; "" for the resource as a whole.

    minor: it would change nothing of what is served here (a policy, a tag, a table that has to be there anyway).
    """

    place: Place
    resource: str
    member: str
    sentence: str
    minor: bool = False

    @property
    def what(self) -> str:
        """Resource and property."""
        return f"{self.resource}.{self.member}" if self.member else self.resource

    def __str__(self) -> str:
        return f"{self.place}: {self.what}: {self.sentence}"


Tell = Callable[[Notice], None]
