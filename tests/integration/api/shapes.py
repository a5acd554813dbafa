"""Values of every shape of a service's model, for boto3 to send and to get back; made from botocore's own reading of the model."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from poller.wire.aws.constraints import matcher

DEEPEST = 4
"""Optional members of structures are left out below; some shapes hold themselves."""

_VISIBLE = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
_ANY = st.characters(exclude_categories=["Cs", "Cc"])


def inputs(shape: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Parameters of an operation as boto3 takes them, within what the model allows."""
    return st.just({}) if shape is None else _structure(shape, allowed=True, depth=0)


def outputs(shape: Any) -> st.SearchStrategy[dict[str, Any]]:
    """What an operation answers, as boto3 gives it; patterns and bounds do not matter there."""
    return st.just({}) if shape is None else _structure(shape, allowed=False, depth=0)


def as_handlers_see(value: Any) -> Any:
    """The same in a handler's terms: timestamps are numbers."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, dict):
        return {name: as_handlers_see(item) for name, item in value.items()}
    return [as_handlers_see(item) for item in value] if isinstance(value, list) else value


def _structure(shape: Any, *, allowed: bool, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    members = {
        name: _member(member, allowed=allowed, depth=depth + 1)
        for name, member in shape.members.items()
        if depth < DEEPEST or name in shape.required_members
    }
    always = {name for name, member in shape.members.items() if member.metadata.get("idempotencyToken")}
    always |= set(shape.required_members) | ({shape.serialization.get("payload")} if allowed else set())
    required = {name: member for name, member in members.items() if name in always}
    rest = {name: member for name, member in members.items() if name not in always}
    if shape.metadata.get("union"):
        return st.one_of([st.fixed_dictionaries({name: member}) for name, member in members.items()])
    return st.fixed_dictionaries(required, optional=rest)


def _member(shape: Any, *, allowed: bool, depth: int) -> st.SearchStrategy[Any]:
    where = shape.serialization.get("location")
    if where == "statusCode":
        return st.sampled_from([200, 202])
    if where in {"uri", "header", "querystring"} and shape.type_name == "string":
        return _outside(shape, where, allowed=allowed)
    if where == "querystring" and shape.type_name == "list":
        return st.lists(_value(shape.member, allowed=allowed, depth=depth), min_size=1, max_size=3)
    return _value(shape, allowed=allowed, depth=depth)


def _outside(shape: Any, where: str, *, allowed: bool) -> st.SearchStrategy[str]:
    if allowed and (shape.enum or shape.metadata.get("pattern")):
        plain = _string(shape, allowed=True)
    else:
        least, most = (max(shape.metadata.get("min", 1), 1), shape.metadata.get("max", 20)) if allowed else (1, 20)
        plain = st.text(
            _ANY if where == "querystring" else _VISIBLE, min_size=least, max_size=max(least, min(most, 20))
        )
    return plain.filter(lambda text: text.strip(" \t") == text and text not in {"", ".", ".."})


def _value(shape: Any, *, allowed: bool, depth: int) -> st.SearchStrategy[Any]:
    metadata = shape.metadata if allowed else {}
    least = metadata.get("min", 0)
    sizes = {"min_size": least, "max_size": max(least, min(metadata.get("max", 2), 2))}

    def below(inner: Any) -> st.SearchStrategy[Any]:
        return st.deferred(lambda: _value(inner, allowed=allowed, depth=depth + 1))

    kinds: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
        "structure": lambda: st.deferred(lambda: _structure(shape, allowed=allowed, depth=depth)),
        "list": lambda: st.lists(below(shape.member), **sizes),
        "map": lambda: st.dictionaries(_string(shape.key, allowed=allowed), below(shape.value), **sizes),
        "string": lambda: _string(shape, allowed=allowed),
        "integer": lambda: st.integers(metadata.get("min", -(2**31)), metadata.get("max", 2**31 - 1)),
        "long": lambda: st.integers(metadata.get("min", -(2**53)), metadata.get("max", 2**53)),
        "float": lambda: st.floats(metadata.get("min", -1e9), metadata.get("max", 1e9), width=32),
        "double": lambda: st.floats(metadata.get("min", -1e9), metadata.get("max", 1e9)),
        "boolean": st.booleans,
        "timestamp": lambda: st.integers(0, 4_000_000_000).map(lambda number: datetime.fromtimestamp(number, UTC)),
        "blob": lambda: st.binary(max_size=100),
    }
    return kinds[shape.type_name]()


def _string(shape: Any, *, allowed: bool) -> st.SearchStrategy[str]:
    if not allowed:
        return st.text(_ANY, max_size=20)
    if shape.enum:
        return st.sampled_from(list(shape.enum))
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max", 10_000)
    if pattern := shape.metadata.get("pattern"):
        texts = st.from_regex(matcher(pattern), fullmatch=True)
        return texts.map(lambda text: text * -(-least // max(len(text), 1)) if len(text) < least else text).filter(
            lambda text: least <= len(text) <= most and matcher(pattern).fullmatch(text) is not None
        )
    return st.text(_ANY, min_size=least, max_size=max(least, min(most, 20)))
