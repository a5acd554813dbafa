"""What a configuration is made of: keys that say which files and parts count, and are gone when these are put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from poller.settings.model.metadata import NAME


@dataclass(frozen=True, kw_only=True)
class Composition:
    """Keys at the top of a file beside the settings; files.py and profiles.py obey them."""

    include: Sequence[str] = field(default=(), metadata={"example": ["./functions/*.yaml", "./secrets.toml"]})
    """Further files: paths, folders, or patterns (`*`, `**`), relative to the file that names them. Their sections are joined with
    these, and a key stands in one file only. A pattern may match nothing; what it matches is read by name."""
    profiles: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict, metadata=NAME | {"example": {"production": {"log": {"level": "warning"}}}}
    )
    """Parts that count when they are asked for, by name: `pollerd run --profile production`, or POLLERD_PROFILE. Keys are laid over those
    outside: mappings are merged, anything else replaces, null takes a key away, another `type` replaces its whole block."""
