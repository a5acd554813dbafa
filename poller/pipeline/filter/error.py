"""The one error of the filter language."""

from __future__ import annotations


class FilterError(ValueError):
    """A filter that can never be applied. Its text is a sentence for the operator, and holds AWS's own reason where AWS has one.

    reason: as EventBridge words it. path: dotted path inside the pattern, "" for the whole. index: which filter,
    counted from 0; None while it is not known.
    """

    def __init__(self, reason: str, *, path: str = "", index: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path
        self.index = index

    def __str__(self) -> str:
        """``filter [0] at body.status: Empty arrays are not allowed``."""
        place = ("" if self.index is None else f"filter [{self.index}]") + (f" at {self.path}" if self.path else "")
        return f"{place}: {self.reason}" if place else self.reason
