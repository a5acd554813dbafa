"""The JSON in an image, believed in nothing: of bounded size, with its digest checked, each value of the kind it has to be.

Everything raises PackageError for what is not so, and OSError.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, TypeVar

import orjson

from poller.execution.image.blobs import Blobs
from poller.settings.package import PackageError

MOST_BYTES = 4 * 1024 * 1024
"""Of one document; what registries allow for a manifest (OCI distribution-spec 1.1)."""

_DIGEST = re.compile(r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}")

Document = Mapping[str, Any]
T = TypeVar("T")


def blob(blobs: Blobs, descriptor: Document) -> Document:
    """Return the document that a descriptor describes, its digest checked."""
    digest = digest_of(descriptor)
    content = read(blobs, blob_name(digest))
    algorithm, _, expected = digest.partition(":")
    if hashlib.new(algorithm, content).hexdigest() != expected:
        raise PackageError(f"{digest} is not what its digest says")
    return mapping(parsed(content, digest), digest)


def digest_of(descriptor: Document) -> str:
    """Return the digest that a descriptor names."""
    return sound_digest(field(descriptor, "digest", str))


def sound_digest(digest: str) -> str:
    """Return a digest that can be checked; only such a one makes a name."""
    if not _DIGEST.fullmatch(digest):
        raise PackageError(f"{digest!r} is no digest of a kind that is known here")
    return digest


def blob_name(digest: str) -> str:
    """Where a layout keeps the blob with this digest."""
    return "blobs/" + digest.replace(":", "/")


def document(blobs: Blobs, name: str) -> Document:
    """Return the JSON object in a part."""
    return mapping(json(blobs, name), name)


def json(blobs: Blobs, name: str) -> Any:
    """Return the JSON in a part."""
    return parsed(read(blobs, name), name)


def read(blobs: Blobs, name: str) -> bytes:
    """Return a whole part that has to be small."""
    with blobs.open(name) as blob:
        content = blob.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise PackageError(f"{name} has more than {MOST_BYTES} bytes")
    return content


def parsed(content: bytes, name: str) -> Any:
    """Return the JSON in ``content``; name: for messages."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise PackageError(f"{name} is no JSON: {error}") from error


def mapping(value: Any, name: str) -> Document:
    """Return ``value``, which has to be an object."""
    if not isinstance(value, dict):
        raise PackageError(f"{name} is no JSON object")
    return value


def objects(value: Any) -> list[Document]:
    """Return ``value``, which has to be a list of objects."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise PackageError("a list of JSON objects is missing or something else")
    return value


def items(document: Document, key: str) -> list[Document]:
    """Return a list of objects that has to be there."""
    return objects(document.get(key))


def texts(document: Document, key: str) -> list[str]:
    """Return a list of texts; null and none at all are an empty one."""
    value = document.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise PackageError(f"{key} is no list of texts")
    return value


def field(document: Document, key: str, kind: type[T], default: T | None = None) -> T:
    """Return a value of the given type; null and none at all are the default, if there is one."""
    value = document.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, kind):
        raise PackageError(f"{key} is missing or no {kind.__name__}")
    return value
