"""The code that a call brings: a .zip in the request, one in a bucket, the name of an image."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poller.control import packages
from poller.control.api.limits import check_unpacked, check_zipped
from poller.control.api.refusals import invalid, told
from poller.control.code import loaded
from poller.control.packages import Package
from poller.settings.code import MOST_MEMBERS
from poller.settings.containers import fixed_digest
from poller.settings.model import Settings
from poller.settings.package import MOST_UNPACKED_BYTES, PackageError

UNREADABLE = "Could not unzip uploaded file. Please check your file, then try to upload again."
MOST_OBJECT_BYTES = MOST_UNPACKED_BYTES + MOST_MEMBERS * 1024
"""A .zip in a bucket has no limit of its own; what it holds has (250 MB), and its list of members takes room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What becomes of a function: keys of its document, and members that are only shown. unpacked: bytes of files; 0 for an image."""

    document: Mapping[str, Any]
    shown: Mapping[str, Any]
    unpacked: int = 0


def gives_code(params: Mapping[str, Any]) -> bool:
    """Whether there is any code in it."""
    return any(params.get(name) for name in ("ZipFile", "S3Bucket", "S3Key", "ImageUri"))


async def code(params: Mapping[str, Any], settings: Settings, *, image: bool) -> Code:
    """Take the code that CreateFunction's ``Code`` or UpdateFunctionCode bring; a .zip is on the shelf then. Raises ApiError."""
    if image:
        with told():
            return await asyncio.to_thread(_image, params["ImageUri"], settings)
    found = await package(params, settings)
    shown = {"CodeSha256": found.code_sha256, "CodeSize": found.size}
    return Code(document={"code": found.reference}, shown=shown, unpacked=found.unpacked)


async def package(params: Mapping[str, Any], settings: Settings) -> Package:
    """Take a .zip and put it on the shelf. Raises ApiError."""
    data = params.get("ZipFile")
    if data is not None:
        check_zipped(len(data))
    elif params.get("S3Bucket") and params.get("S3Key"):
        data = await _fetched(params, settings)
    else:
        raise invalid("Please provide a source for function code.")
    try:
        found = await asyncio.to_thread(packages.examined, data)
    except PackageError as error:
        raise invalid(UNREADABLE) from error
    check_unpacked(found.unpacked)
    with told():
        await asyncio.to_thread(packages.keep, found, data, settings)
    return found


async def _fetched(params: Mapping[str, Any], settings: Settings) -> bytes:
    from connectors.aws.objects import ObjectError, fetched  # noqa: PLC0415  # the client takes megabytes that few daemons need

    with told():
        try:
            bucket, key = params["S3Bucket"], params["S3Key"]
            return await fetched(bucket, key, params.get("S3ObjectVersion"), settings.aws, MOST_OBJECT_BYTES)
        except ObjectError as error:
            sentence = f"Error occurred while GetObject. S3 Error Code: {error.code}. S3 Error Message: {error}"
            raise invalid(sentence) from error


def _image(uri: str, settings: Settings) -> Code:
    """An absolute path is an image on this machine, run without an engine; any other name is an engine's. Raises PackageError."""
    here = Path(uri).is_absolute()
    digest = loaded(uri, Path(settings.state)).digest.rpartition(":")[2] if here else fixed_digest(uri)
    document = {"code": {"image": uri}, "driver": "process" if here else "container"}
    return Code(document=document, shown={"CodeSha256": digest, "CodeSize": 0})
