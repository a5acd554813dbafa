"""One layer: its blob, read once from begin to end, unpacked as it is read, and refused if it is not what its digests say."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import IO, Any, cast

from poller.execution.image.blobs import Blobs
from poller.execution.image.manifest import Layer
from poller.execution.image.root import Root
from poller.execution.image.tar import check_header
from poller.settings.package import PackageError, Room

CHUNK = 1024 * 1024
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def apply(blobs: Blobs, layer: Layer, root: Root, room: Room) -> None:
    """Unpack ``layer`` over what is in ``root``. Raises PackageError, OSError. room: for the uncompressed tar, and for holes in files."""
    try:
        with closing(blobs.open(layer.name)) as blob, closing(_Hashed(blob, layer.digest or layer.diff_id)) as hashed:
            packed = io.BufferedReader(cast("io.RawIOBase", hashed), CHUNK)
            with _decompressed(packed) as content:
                tar = Stream(content, layer.diff_id, room)
                _unpack(tar, root, room)
                tar.finish()
            while packed.read(CHUNK):  # what follows the compressed data counts for the digest, too
                pass
            if layer.size not in {None, hashed.size}:
                raise PackageError(f"layer {layer.name} has {hashed.size} bytes, and its manifest says {layer.size}")
            if layer.digest and hashed.digest != layer.digest:
                raise PackageError(f"layer {layer.name} is not what its digest says")
    except (tarfile.TarError, zlib.error, EOFError, ValueError, OverflowError, gzip.BadGzipFile) as error:
        raise PackageError(f"layer {layer.name} is damaged: {error}") from error


def _unpack(tar: Stream, root: Root, room: Room) -> None:
    archive = tarfile.open(fileobj=cast("IO[bytes]", tar), mode="r:", encoding="utf-8", errors="surrogateescape")  # noqa: SIM115  # it owns nothing: the stream is the caller's
    root.begin_layer()
    while (entry := archive.next()) is not None:
        archive.members = []  # type: ignore[attr-defined]  # it keeps them all, and there may be a million
        check_header(min(entry.size, 0))
        if entry.sparse is not None and (content := archive.extractfile(entry)):
            room.take(entry.size)
            root.add(entry, content.read)
        else:
            root.add(entry, tar.read_some)


@contextmanager
def _decompressed(packed: io.BufferedReader[Any]) -> Iterator[IO[bytes]]:
    """Undo the compression there is; what the media type says of it is often wrong, and archives say nothing."""
    start = packed.peek(4)[:4]
    if start.startswith(_GZIP):
        with gzip.GzipFile(fileobj=packed) as content:
            yield cast("IO[bytes]", content)
    elif start == _ZSTD:
        zstd = _zstd()
        try:
            with zstd.ZstdFile(packed) as content:
                yield content
        except zstd.ZstdError as error:
            raise EOFError(str(error)) from error
    else:
        yield packed


def _zstd() -> Any:
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]  # Python 3.14  # noqa: PLC0415  # as needed
    except ImportError:
        try:
            from backports import zstd  # noqa: PLC0415  # as needed
        except ImportError:
            raise PackageError("a layer is compressed with zstd", "pip install 'pollerd[zstd]'") from None
    return zstd


class _Hashed(io.RawIOBase):
    """Passes on what it reads, and keeps its hash and size."""

    def __init__(self, source: IO[bytes], digest: str) -> None:
        super().__init__()
        self._source = source
        self._hash = hashlib.new(digest.partition(":")[0])
        self.size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer))
        data = self._source.read(len(view))
        view[: len(data)] = data
        self._hash.update(data)
        self.size += len(data)
        return len(data)

    @property
    def digest(self) -> str:
        return f"{self._hash.name}:{self._hash.hexdigest()}"


class Stream:
    """An uncompressed tar as a tar reader wants it, forwards only: hashed and counted on its way."""

    def __init__(self, content: IO[bytes], diff_id: str, room: Room) -> None:
        self._content = content
        self._diff_id = diff_id
        self._hash = hashlib.new(diff_id.partition(":")[0])
        self._room = room
        self._at = 0
        self._last = b""

    def tell(self) -> int:
        """Bytes read so far."""
        return self._at

    def seek(self, offset: int) -> None:
        """Read on up to there. Raises tarfile.ReadError for what is past already."""
        if offset < self._at:
            raise tarfile.ReadError("its headers lead backwards")
        while self._at < offset:
            if not self.read_some(offset - self._at):
                raise tarfile.ReadError("unexpected end of data")

    def read(self, size: int) -> bytes:
        """Read a header, as far as there is one."""
        check_header(size)
        parts = []
        while size and (part := self.read_some(size)):
            parts.append(part)
            size -= len(part)
        self._last = b"".join(parts)
        return self._last

    def read_some(self, size: int) -> bytes:
        """Read some bytes, at most ``size``; b"" at the end."""
        data = self._content.read(min(size, CHUNK))
        self._room.take(len(data))
        self._hash.update(data)
        self._at += len(data)
        return data

    def finish(self) -> None:
        """Read to the end. Raises PackageError when it is not what its digest says; tarfile.ReadError when the tar ends in rubbish."""
        if self._last.strip(b"\0"):  # a tar reader takes a header that it cannot read for the end
            raise tarfile.ReadError("a header cannot be read")
        while self.read_some(CHUNK):
            pass
        if f"{self._hash.name}:{self._hash.hexdigest()}" != self._diff_id:
            raise PackageError(f"a layer is not what its digest {self._diff_id} says")
