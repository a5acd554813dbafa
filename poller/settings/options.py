"""What a dataclass offers as options: read from its fields, its metadata and the docstrings under its fields."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, get_type_hints

REQUIRED: Final[Any] = dataclasses.MISSING


@dataclass(frozen=True, slots=True)
class Option:
    """One key. default: REQUIRED, or the value of a key that is left out. owner: the class that declares it."""

    name: str
    hint: Any
    default: Any
    rules: Mapping[str, Any]
    text: str
    owner: type


def options_of(kind: type) -> list[Option]:
    """Every option of a dataclass, in the order of its fields; inherited ones first, as dataclasses have it."""
    hints = get_type_hints(kind)
    texts: dict[str, tuple[str, type]] = {}
    for owner in reversed(kind.__mro__):
        texts |= {name: (text, owner) for name, text in _docstrings(owner).items()}
    return [
        Option(
            name=field.name,
            hint=hints[field.name],
            default=_default(field),
            rules=field.metadata,
            text=texts.get(field.name, ("", kind))[0],
            owner=texts.get(field.name, ("", kind))[1],
        )
        for field in dataclasses.fields(kind)
        if field.init
    ]


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _docstrings(owner: type) -> dict[str, str]:
    """Return the fields that a class itself declares, each with the text under it as one line; {} without source code."""
    if not dataclasses.is_dataclass(owner):
        return {}
    try:
        source = textwrap.dedent(inspect.getsource(owner))
    except (OSError, TypeError):
        return {}
    body = ast.parse(source).body[0]
    statements = body.body if isinstance(body, ast.ClassDef) else []
    texts: dict[str, str] = {}
    for statement, below in zip(statements, [*statements[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            texts[statement.target.id] = " ".join(_text(below).split())
    return texts


def _text(statement: ast.stmt | None) -> str:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return str(statement.value.value)
    return ""
