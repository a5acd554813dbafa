"""What is said of a value that cannot be taken: what was expected, what stood there, what to write instead. Never a secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from poller.settings.nodes import Keys, List, Node, Scalar, Table
from poller.settings.problems import nearest
from poller.settings.units import without_unit

_KINDS = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}
_LONGEST_SHOWN = 60


def mismatch(kind: type, node: Node, keys: Keys, rules: Mapping[str, Any]) -> tuple[str, str]:
    """Return sentence and hint for a value of the wrong kind."""
    found = shown(node, rules)
    if isinstance(node, Scalar) and node.doubt:
        return f"expected {_KINDS[kind]}; {found} {node.doubt}", _in_other_words(kind, node.value)
    if not isinstance(node, Scalar) or rules.get("secret"):
        hint = ""
    elif kind is str:
        hint = "put it in quotes"
    elif not isinstance(node.value, str):
        hint = ""
    else:
        hint = _in_other_words(kind, node.value) if kind is bool else without_unit(node.value, str(keys[-1]))
    return f"expected {_KINDS[kind]}, not {found}", hint


def _in_other_words(kind: type, text: object) -> str:
    words = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}
    if kind is bool and str(text).lower() in words:
        return f"write {words[str(text).lower()]}"
    return "write it out in decimal digits" if kind in {int, float} else ""


def broken_rule(value: Any, rules: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return sentence and hint for the first rule that ``value`` breaks."""
    found = "this value" if rules.get("secret") else _short(value)
    low, high = rules.get("minimum"), rules.get("maximum")
    if (low is not None and value < low) or (high is not None and value > high):
        return f"{found} is out of range: {_range(low, high)}", ""
    if "choices" in rules and value not in rules["choices"]:
        return f"{found} is none of the choices", nearest(str(value), filter(None, map(str, rules["choices"])))
    if "pattern" in rules and not re.fullmatch(rules["pattern"], value):
        return f"{found} is not {rules.get('words', 'what the pattern asks for: ' + rules['pattern'])}", ""
    return None


def _range(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"{low} to {high}"
    return f"{low} or more" if high is None else f"{high} or less"


def shown(node: Node, rules: Mapping[str, Any] | None = None) -> str:
    """What stands there, for a sentence; the kind alone where the value is a secret."""
    if isinstance(node, Table):
        return "a mapping"
    if isinstance(node, List):
        return "a list"
    kind = "the text" if isinstance(node.value, str) else "the number"
    if rules is None or rules.get("secret"):
        return "a single value"
    return _short(node.value) if isinstance(node.value, bool) else f"{kind} {_short(node.value)}"


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
