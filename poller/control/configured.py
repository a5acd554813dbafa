"""A configuration, which may change, and what runs of it: what those who only look are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from poller.control.running import Running
from poller.settings.model import Settings

Mappings = Mapping[str, Running[Any]]
"""Those that are enabled, by name."""


class Configured(Protocol):
    """A configuration, which may change, and what runs of it."""

    @property
    def settings(self) -> Settings:
        """As they are now."""
        ...

    @property
    def mappings(self) -> Mappings:
        """Those that are enabled."""
        ...
