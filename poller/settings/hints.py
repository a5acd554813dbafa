"""What a type hint asks of a value in a file. The one place that knows the hints options may have."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

SCALARS = (str, bool, int, float)


class Shape(NamedTuple):
    """form: any, scalar, choice, table, mapping, list or either.

    of: the scalar's or the table's class; the choices; the hint of a mapping's values or of a list's items; None for any;
    for either the hints of a scalar and a table, or of text and number, of which a file has one.
    """

    form: Literal["any", "scalar", "choice", "table", "mapping", "list", "either"]
    of: Any = None


def shape(hint: Any) -> Shape:
    """Take a hint apart: str, int, float, bool, Any, Literal, a dataclass, Mapping[str, X], Sequence[X], and each of them ``| None``.

    Also a scalar ``|`` a dataclass, and ``str | float``.
    dict, list and ``tuple[X, ...]`` will do, too. None is no value of a file; it stands for a key that is left out.
    Raises ``TypeError`` for any other hint: a defect of the class that has it.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return _union(hint, [part for part in arguments if part is not type(None)])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return Shape("mapping", arguments[1])
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return Shape("list", arguments[0])
    if origin is Literal:
        return Shape("choice", arguments)
    if isinstance(hint, type) and (hint in SCALARS or dataclasses.is_dataclass(hint)):
        return Shape("scalar" if hint in SCALARS else "table", hint)
    if hint is Any:
        return Shape("any")
    raise TypeError(f"options of type {hint} cannot be read from a file")


def _union(hint: Any, parts: Sequence[Any]) -> Shape:
    if len(parts) == 1:
        return shape(parts[0])
    if [shape(part).form for part in parts] == ["scalar", "table"] or parts == [str, float]:
        return Shape("either", tuple(parts))
    raise TypeError(f"options of type {hint} cannot be read from a file")
