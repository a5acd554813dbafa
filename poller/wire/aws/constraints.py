"""What a model demands of parameters: given at all, length, range, pattern, one of several values; told in AWS's words.

All that does not hold is told at once, in the order of the model: "2 validation errors detected: Value '…' at '…' failed to satisfy
constraint: …; Value …". Members are named as there, in lowerCamelCase. What the service checks by itself, under other words, is the
business of each operation's handler.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from poller.wire.aws.errors import ApiError
from poller.wire.aws.model import Shape

VALIDATION = "ValidationException"
LONGEST_MATCHED = 100_000
"""Characters beyond which a text is not matched against a pattern. No pattern of the models that sets no length is on a text so long, and
time is bounded."""

OWN = frozenset({"Runtime"})
"""Shapes of which a single value is judged by the service itself, not by the model: CreateFunction takes runtimes that no model lists."""

_CLASSES = {
    r"\p{L}": r"\w",
    r"\p{N}": r"\w",
    r"\p{Z}": " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
    r"[\w-_]": r"[\w\-_]",
}


def check(shape: Shape | None, params: Mapping[str, Any]) -> None:
    """Raise ApiError (ValidationException) for parameters that are not what the model of an operation's input demands."""
    if shape is None:
        return
    found = list(_structure(shape, params, ""))
    if found:
        errors = "error" if len(found) == 1 else "errors"
        raise ApiError(VALIDATION, f"{len(found)} validation {errors} detected: {'; '.join(found)}")


@cache
def matcher(pattern: str) -> re.Pattern[str]:
    """A pattern of a model, which is Java's, as Python's."""
    own = pattern
    for java, python in _CLASSES.items():
        own = own.replace(java, python)
    return re.compile(own, 0 if r"\p{" in pattern else re.ASCII)


def _structure(shape: Shape, value: Mapping[str, Any], place: str) -> Iterator[str]:
    required = shape.required
    for name, member in shape.members.items():
        at = place + name[:1].lower() + name[1:]
        if name in value:
            yield from _value(member.shape, value[name], at)
        elif name in required:
            yield f"Value null at '{at}' failed to satisfy constraint: Member must not be null"


def _value(shape: Shape, value: Any, place: str) -> Iterator[str]:
    if shape.kind == "structure":
        yield from _structure(shape, value, f"{place}.")
        return
    if shape.name not in OWN:
        for broken, text in _demands(shape, value):
            if broken:
                yield f"{_shown(shape, value, place)} failed to satisfy constraint: Member must {text}"
    if shape.kind == "list":
        yield from _items(shape, value, place)
    elif shape.kind == "map":
        yield from _entries(shape, value, place)


def _items(shape: Shape, value: list[Any], place: str) -> Iterator[str]:
    if shape.item.kind in {"structure", "list", "map"}:
        for number, item in enumerate(value, 1):
            yield from _value(shape.item, item, f"{place}.{number}.member")
    elif any(broken for item in value for broken, _ in _demands(shape.item, item)):
        yield f"{_shown(shape, value, place)} failed to satisfy constraint: Member must satisfy constraint: {_all(shape.item, value)}"


def _entries(shape: Shape, value: Mapping[str, Any], place: str) -> Iterator[str]:
    if any(broken for key in value for broken, _ in _demands(shape.key, key)):
        yield f"{_shown(shape, value, place)} failed to satisfy constraint: Map keys must satisfy constraint: {_all(shape.key, value)}"
    if shape.value.kind in {"structure", "list", "map"}:
        for key, item in value.items():
            yield from _value(shape.value, item, f"{place}.{key}.member")
    elif any(broken for item in value.values() for broken, _ in _demands(shape.value, item)):
        demands = _all(shape.value, value.values())
        yield f"{_shown(shape, value, place)} failed to satisfy constraint: Map value must satisfy constraint: {demands}"


def _all(shape: Shape, values: Iterable[Any]) -> str:
    """All that is demanded of each item, kept or not, as AWS lists it. values: at least one; which does not matter."""
    texts = [text for _, text in _demands(shape, next(iter(values)))]
    return f"[{', '.join(f'Member must {text}' for text in [*texts, 'not be null'])}]"


def _demands(shape: Shape, value: Any) -> Iterator[tuple[bool, str]]:
    """Each demand on one value: whether it is broken, and what must be."""
    if shape.kind in {"integer", "long", "float", "double"}:
        size, word, unit = value, "value", float if shape.kind in {"float", "double"} else int
    elif shape.kind in {"string", "blob", "list", "map"}:
        size, word, unit = len(value), "length", int
    else:
        return
    if shape.most is not None:
        yield size > shape.most, f"have {word} less than or equal to {unit(shape.most)}"
    if shape.least is not None:
        yield size < shape.least, f"have {word} greater than or equal to {unit(shape.least)}"
    if shape.pattern:
        yield not _matches(shape.pattern, value), f"satisfy regular expression pattern: {shape.pattern}"
    if shape.enum:
        yield value not in shape.enum, f"satisfy enum value set: [{', '.join(shape.enum)}]"


def _matches(pattern: str, text: str) -> bool:
    return len(text) <= LONGEST_MATCHED and matcher(pattern).fullmatch(text) is not None


def _shown(shape: Shape, value: Any, place: str) -> str:
    """``Value '…' at '…'``; what the model calls sensitive is not repeated."""
    return f"Value at '{place}'" if _is_sensitive(shape) else f"Value '{_text(value)}' at '{place}'"


def _is_sensitive(shape: Shape) -> bool:
    if shape.is_sensitive:
        return True
    if shape.kind == "list":
        return _is_sensitive(shape.item)
    return shape.kind == "map" and (_is_sensitive(shape.key) or _is_sensitive(shape.value))


def _text(value: Any) -> str:
    """As Java writes values."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}={_text(item)}' for key, item in value.items())}}}"
    return str(value)
