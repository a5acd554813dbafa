"""Keys beside a key, in the same hash slot, so that a script may use them together on a cluster. Pure.

A key's slot is that of its hash tag: what stands between its first { and the next }, if anything does (Redis cluster specification,
Hash tags); else that of the whole key.
"""

from __future__ import annotations

from connectors.contract import OptionsError


def tag(key: str) -> str:
    """The part of a key that decides on its slot."""
    begin = key.find("{")
    end = key.find("}", begin + 1)
    return key[begin + 1 : end] if begin >= 0 and end > begin + 1 else key


def beside(option: str, key: str, name: str) -> str:
    """A key of our own for ``key``: ``{orders}:pollerd:name``. Raises ``OptionsError`` for a key that can have none in its slot."""
    if key == f"{{{tag(key)}}}":
        return f"{key}:pollerd::{name}"  # one colon would make it that of the key without braces
    if tag(key) != key:
        return f"{key}:pollerd:{name}"  # the tag is in it
    if "}" in key:
        raise OptionsError(option, f"{key!r} has a brace that makes no hash tag; name it with a tag, as in {{orders}}")
    return f"{{{key}}}:pollerd:{name}"
