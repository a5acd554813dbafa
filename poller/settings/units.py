"""Numbers written with a unit (``3s``, ``256MB``): refused, because the key names the unit; the hint says what to write."""

from __future__ import annotations

import re

_QUANTITY = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]*)\s*")
_SECONDS = {
    "ms": 0.001,
    "s": 1,
    "sec": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
    "d": 86400,
}
_MEGABYTES = {"k": 1 / 1024, "m": 1, "g": 1024}


def without_unit(text: str, key: str) -> str:
    """Return a hint what to write for ``text`` under ``key``, or "" when it does not look like a number."""
    match = _QUANTITY.fullmatch(text)
    if not match:
        return ""
    number, unit = float(match[1]), match[2].lower()
    if not unit:
        return f"write {number:g} without quotes"
    if key.endswith("_seconds"):
        factor = _SECONDS.get(unit) or _SECONDS.get(unit.rstrip("s"))
    elif key.endswith("_mb"):
        factor = _MEGABYTES.get(unit.removesuffix("b").removesuffix("i"))
    else:
        return f"write {number:g}"
    unit_of_key = key.rpartition("_")[2]
    return (
        f"write {number * factor:g}: the key's unit is {unit_of_key}"
        if factor
        else f"write a number: the key's unit is {unit_of_key}"
    )
