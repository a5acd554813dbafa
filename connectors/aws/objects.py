"""Objects of S3 buckets, read as a whole: packages of functions and layers."""

from __future__ import annotations

import asyncio

from connectors.aws import client as aws_client
from connectors.aws.errors import code_of
from connectors.aws.options import AwsOptions
from connectors.contract import SourceError

DOWNLOAD_SECONDS = 120.0
"""For one object, of at most some 250 MB."""


class ObjectError(Exception):
    """The service refused: its code (``NoSuchKey``) and its own sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


async def fetched(bucket: str, key: str, version: str | None, options: AwsOptions, most: int) -> bytes:
    """GetObject. most: bytes, more than that is not read.

    Raises ObjectError for what the service says, SourceError when it cannot be had or the object is too big, and OptionsError where no
    server is configured, above all for real AWS unless it is allowed.
    """
    target = aws_client.resolve(options, "s3")
    client = await aws_client.acquire(target)
    try:
        async with asyncio.timeout(DOWNLOAD_SECONDS):
            wanted = {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})
            answer = await client.get_object(**wanted)
            async with answer["Body"] as body:
                data: bytes = await body.read(most + 1)
                while len(data) <= most and (more := await body.read(most + 1 - len(data))):
                    data += more
    except Exception as error:  # all of them: on a rubbish answer the client raises anything
        said = (getattr(error, "response", None) or {}).get("Error", {})
        if said:
            raise ObjectError(code_of(str(said.get("Code", ""))), str(said.get("Message", ""))) from error
        raise SourceError(f"{key} of bucket {bucket} cannot be read from {target.server}: {error!r}") from error
    finally:
        await aws_client.release(target)
    if len(data) > most:
        raise SourceError(f"{key} of bucket {bucket} has more than {most} bytes")
    return data
