"""Where a source's records have their content, and how a filter meets it. Data; the filter acts on it.

Source: Lambda DG, Control which events Lambda sends to your function, and the pages on filtering of each source.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Content:
    """What a pattern calls the content, and what may be demanded of it.

    key: its name in patterns, at the top level. inside: the member of the record that holds it; "": the record does. A pattern sees the
    other members of that one at the top level, too (Kinesis: partitionKey). base64: the event has bytes in base64, a pattern sees them
    decoded. texts: a pattern may demand that it be a certain text; False: only what is in its JSON. ignored: a content that is not of the
    kind that the pattern demands is passed over, and the rest of the pattern decides; False: the record is refused.
    """

    key: str
    inside: str = ""
    base64: bool = False
    texts: bool = True
    ignored: bool = False
    beside: str = ""

    def is_record(self, value: dict[str, Any]) -> bool:
        """Whether this is a record as events have it, rather than what one holds."""
        holder = value.get(self.inside) if self.inside else value
        if not isinstance(holder, dict) or (self.beside and self.beside not in value):
            return False
        held = holder.get(self.key)
        return isinstance(held, str if self.base64 or self.texts else dict) or (held is None and bool(self.beside))

    def wrap(self, text: str) -> dict[str, Any]:
        """A record that holds nothing but this text."""
        held = {self.key: b64encode(text.encode()).decode() if self.base64 else text}
        return {self.inside: held} if self.inside else held
