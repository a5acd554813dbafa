"""An entry of a stream as a record. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from connectors.contract import Record
from connectors.redis.group import Entry

_encode = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":")
).encode  # made once: json.dumps makes one each time


@dataclass(frozen=True, slots=True)
class Shape:
    """How records of ``stream`` are made.

    data_field: whose value is the body; "": all fields are. key_field: whose value is the key; "": there are no keys.
    """

    stream: str
    data_field: str
    key_field: str

    def record(self, entry: Entry, deliveries: int) -> Record:
        """A field that the entry does not have makes an empty body, or no key; of one that it has twice the first counts."""
        return Record(
            id=entry.id,
            body=_first(entry, self.data_field) or b"" if self.data_field else as_object(entry.pairs),
            lane=self.stream,
            metadata={"stream": self.stream, "fields": entry.pairs, "dataField": self.data_field},
            receive_count=deliveries,
            partition=self.stream,
            position=entry.id,
            key=_key(_first(entry, self.key_field)) if self.key_field else None,
            arrived=int(entry.id.partition("-")[0]) / 1000,
        )


def as_object(pairs: Sequence[tuple[bytes, bytes]]) -> str:
    """All fields as a JSON object of texts; bytes that are no UTF-8 are escaped. A name that comes twice has the list of its values."""
    texts = [(_text(name), _text(value)) for name, value in pairs]
    fields: dict[str, Any] = dict(texts)
    if len(fields) < len(texts):
        fields = {name: [] for name in fields}
        for name, value in texts:
            fields[name].append(value)
        fields = {name: values if len(values) > 1 else values[0] for name, values in fields.items()}
    return _encode(fields)


def _first(entry: Entry, name: str) -> bytes | None:
    wanted = name.encode()
    return next((value for field, value in entry.pairs if field == wanted), None)


def _key(value: bytes | None) -> str | None:
    return None if value is None else _text(value)


def _text(value: bytes) -> str:
    return value.decode(errors="backslashreplace")
