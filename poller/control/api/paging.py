"""Lists in pages: ``Marker`` and ``MaxItems`` in, ``NextMarker`` out."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from poller.control.api.refusals import invalid

MOST = 50
"""Items of a page, whatever ``MaxItems`` says (Lambda API reference, ListFunctions)."""

Item = TypeVar("Item")


def page(items: Sequence[Item], key: Callable[[Item], str], params: Mapping[str, Any]) -> tuple[list[Item], str | None]:
    """The items of a page, and the marker of the next one, if there is one.

    items: all, in an order that stays. key: unique, never empty. A marker is the key of the last item that was told: when
    that is gone meanwhile, the list goes on at what comes after it in the order of the keys. Raises ApiError for a marker that is none.
    """
    rest = list(items)
    if marker := params.get("Marker"):
        last = _decoded(marker)
        at = next((at for at, item in enumerate(rest) if key(item) == last), None)
        rest = rest[at + 1 :] if at is not None else [item for item in rest if key(item) > last]
    most = min(params.get("MaxItems") or MOST, MOST)
    told = rest[:most]
    return told, base64.urlsafe_b64encode(key(told[-1]).encode()).decode() if len(rest) > most else None


def _decoded(marker: str) -> str:
    try:
        return base64.b64decode(marker, altchars=b"-_", validate=True).decode()
    except ValueError:  # no base64, or no text in it
        raise invalid("Invalid Marker") from None
