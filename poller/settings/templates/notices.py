"""What a template asks for and nobody does here. Not an error: the functions run as they are written all the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from poller.settings.nodes import Place


@dataclass(frozen=True, slots=True)
class Notice:
    """member: the property of a resource, with dots; "" for the resource as a whole."""

    place: Place
    resource: str
    member: str
    sentence: str

    def __str__(self) -> str:
        what = f"{self.resource}.{self.member}" if self.member else self.resource
        return f"{self.place}: {what}: {self.sentence}"


Tell = Callable[[Notice], None]
