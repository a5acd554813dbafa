"""Values -> YAML that every reader of it reads alike, ours included."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import yaml

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*", re.ASCII)
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
"""What some version of YAML takes for something else than a text, in any case of letters."""


class _Dumper(yaml.SafeDumper):
    """Texts that could be taken for something else stand in quotes; nothing is an alias of something else."""

    def ignore_aliases(self, data: Any) -> bool:
        """Whether a value that comes twice is written twice."""
        del data
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _text)


def written(value: Any) -> str:
    """JSON values as YAML, keys in their order."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=140)


def write_new(path: Path, text: str) -> None:
    """A file of its own. It may hold secrets, so nobody else reads it at any time. Raises OSError, also where something is there."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w", -1, "utf-8") as file:
        file.write(text)
