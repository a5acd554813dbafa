"""What is wrong with a configuration: sentences with a place, all of them at once.

A sentence says what stood there and what was expected, never the value of a secret. The hint says what to write instead.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from poller.settings.nodes import Keys, Node, Place, place_of

_BARE_KEY = re.compile(r"[\w-]+")
_CAMEL_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong, before it is known where in which file."""

    keys: Keys
    sentence: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong, with its place. line and column count from 1; line 0: the file as a whole. key: dotted, "" for the whole."""

    file: Path
    line: int
    column: int
    key: str
    sentence: str
    hint: str = ""

    def __str__(self) -> str:
        where = str(Place(self.file, self.line, self.column))
        what = f"{self.sentence}; {self.hint}" if self.hint else self.sentence
        return ": ".join(part for part in (where, self.key, what) if part)


class SettingsError(Exception):
    """The configuration cannot be used. ``problems``: everything found, in the order of the files; one line each as text.

    ``files``: as those of a configuration that can be used (``load.Loaded``), as far as they were read.
    """

    def __init__(self, problems: Iterable[Problem], files: Iterable[Path] = ()) -> None:
        self.problems = tuple(problems)
        self.files = tuple(files)
        super().__init__("\n".join(map(str, self.problems)))


class Report:
    """Gathers findings and gives them their places."""

    def __init__(self) -> None:
        self._found: dict[tuple[Finding, Place | None], None] = {}  # a set that keeps the order
        self._explained: list[Keys] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, keys: Keys, sentence: str, hint: str = "", *, place: Place | None = None) -> None:
        """Note a finding; the same one twice counts once. place: only where the tree does not hold it."""
        self._found[Finding(keys, sentence, hint), place] = None

    def explained(self, keys: Keys) -> None:
        """Note that the value at ``keys`` could not be read, and that a finding elsewhere tells why."""
        self._explained.append(keys)

    def sound(self, keys: Keys) -> bool:
        """Whether nothing was found at, under or above ``keys``."""
        faulty = [*(found.keys for found, _ in self._found), *self._explained]
        return not any(found[: len(keys)] == keys or (found and keys[: len(found)] == found) for found in faulty)

    def problems(self, root: Node) -> list[Problem]:
        """Everything found, with places taken from the tree, sorted by them."""
        placed = [(place or place_of(root, found.keys), found) for found, place in self._found]
        return [
            Problem(place.file, place.line, place.column, dotted(found.keys), found.sentence, found.hint)
            for place, found in sorted(placed, key=lambda pair: pair[0])
        ]


def dotted(keys: Keys) -> str:
    """``functions.orders.layers[0]``; keys that are no plain words stand in quotes."""
    text = ""
    for key in keys:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += ("." if text else "") + (key if _BARE_KEY.fullmatch(key) else json.dumps(key, ensure_ascii=False))
    return text


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known name that ``word`` is probably meant for, if any. Spelling as on AWS (BatchSize) is seen through."""
    names = {_snake(name): name for name in known}
    longer = _snake(word)
    more = [name for name in names if longer.startswith((f"{name}_", f"{name}-"))]  # kinesis-stream, FunctionName
    close = more or difflib.get_close_matches(longer, names, n=1)
    return names[close[0]] if close else None


def nearest(word: str, known: Iterable[str]) -> str:
    """``did you mean x?`` when a known name is like ``word``, else ``known are a, b``; "" when none is known."""
    names = sorted(known)
    close = closest(word, names)
    return f"did you mean {close}?" if close else f"known are {', '.join(names)}" if names else ""


def _snake(name: str) -> str:
    return _CAMEL_HUMP.sub("_", name).lower()
