"""A folder as the destination: a JSON file a batch, ``<folder>/<mapping>/YYYY-MM-DDTHH.MM.SS-<UUID>.json``.

It holds the failure record, ``payload`` (the event the function was sent, as a text), and ``records``: each record as it was fetched, body
and other bytes as ``{"base64": ...}``, so that nothing is lost with the source's retention. Only the daemon's user may read it.

Of an asynchronous invocation the record is ``<folder>/<function>/YYYY-MM-DDTHH.MM.SS-<UUID>.json``, with its payloads.

A file is complete or not there: it is written beside under another name, put on the disk, and renamed.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from connectors.contract import Destination, Discard, InvocationRecord, OptionsError, Record, SourceError
from connectors.destinations import written


class FileDestination(Destination):
    """One folder, made when it is first needed."""

    def __init__(self, folder: str) -> None:
        path = folder.removeprefix("//") if folder.startswith("///") else folder
        if not path or path.startswith("//"):
            raise OptionsError("destination", f"file:{folder} names no folder of this host, as file:./failures does")
        self._folder = Path(path)

    async def deliver(self, discard: Discard) -> None:
        """Write one file; it is on the disk when this returns."""
        content = written.with_payload(discard, records=[_record(record) for record in discard.records])
        await self._put(self._folder / quote(discard.mapping, safe="") / f"{written.name(discard)}.json", content)

    async def deliver_record(self, record: InvocationRecord) -> None:
        """Write one file; it is on the disk when this returns."""
        file = self._folder / record.function / f"{written.invocation_name(record)}.json"
        await self._put(file, record.whole)

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _put(self, file: Path, content: bytes) -> None:
        try:
            await asyncio.to_thread(_write, file, content)
        except OSError as error:
            raise SourceError(f"{file.parent} cannot be written to: {error.strerror}") from error


def _write(file: Path, content: bytes) -> None:
    _make(file.parent)
    beside = file.with_name(
        f".{file.stem}-{uuid.uuid4().hex}.part"
    )  # a delivery that was cancelled may still be writing
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as opened:  # noqa: PTH123  # of a descriptor
            opened.write(content)
            opened.flush()
            os.fsync(descriptor)
        beside.replace(file)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    _sync(file.parent)


def _make(folder: Path) -> None:
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    """Put the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _record(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "partition": record.partition,
        "position": record.position,
        "key": _plain(record.key),
        "arrived": record.arrived,
        "body": _plain(record.body),
        "metadata": _plain(record.metadata),
    }


def _plain(value: Any) -> Any:
    """Bytes in base64, wherever they are; times are left to the writer, which knows them."""
    if isinstance(value, bytes):
        return {"base64": b64encode(value).decode()}
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
