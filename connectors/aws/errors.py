"""Errors of the AWS client -> ``SourceError``: one table, and one sentence for each, for every AWS connector.

Nothing secret gets into a sentence: where AWS may repeat signed headers or a token in its own message (errors of signature and
token), only the error's code is told.
"""

from __future__ import annotations

import os
from typing import Any

import aiohttp
from botocore import exceptions as client

from connectors.contract import Missing, Refused, SourceError, Throttled, Unreachable

UNREACHABLE = (client.ConnectionError, client.HTTPClientError)
CREDENTIALS = (
    client.ConfigNotFound,
    client.ConfigParseError,
    client.CredentialRetrievalError,
    client.InvalidConfigError,
    client.LoginError,
    client.NoCredentialsError,
    client.PartialCredentialsError,
    client.ProfileNotFound,
    client.RefreshWithMFAUnsupportedError,
    client.SSOError,
    client.TokenRetrievalError,
)

THROTTLES = frozenset(
    {
        "KMSThrottlingException",
        "LimitExceededException",  # Kinesis, DynamoDB Streams: lists, and readers of one shard
        "OverLimit",  # SQS: as many messages in flight as a queue may have
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
DENIALS = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "KMSAccessDeniedException",  # the key of an encrypted stream
        "UnauthorizedOperation",
    }
)
BAD_KEYS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSecurity",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "OptInRequired",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
LONGEST = 200  # characters of a server's own words: some answer with a page
ABSENCES = frozenset(
    {
        "NoSuchBucket",
        "NonExistentQueue",
        "NotFound",  # SNS
        "NotFoundException",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
    }
)


def translate(error: Exception, *, server: str, resource: str) -> SourceError:
    """Return what the engine is told about an error of the client.

    server: the endpoint's URL, or words for AWS. resource: what was asked for, as in "queue orders".
    """
    if isinstance(error, client.ClientError):
        return _of_answer(error.response, server, resource)
    if isinstance(error, TimeoutError):
        return Unreachable(f"{server} did not answer in time")
    if isinstance(error, aiohttp.ClientError):  # of an answer that comes in parts: botocore does not see them
        return Unreachable(f"cannot reach {server}: the connection broke")
    if isinstance(error, UNREACHABLE):
        return Unreachable(f"cannot reach {server}: {_reason(error)}")
    if isinstance(error, CREDENTIALS):
        return Refused(f"there are no usable credentials for {server}: {str(error).lower()}")
    return SourceError(f"the client of {server} failed: {type(error).__name__}: {error}")


def code_of(text: str) -> str:
    """Error code without its namespace: AWS.SimpleQueueService.NonExistentQueue -> NonExistentQueue."""
    return text.rpartition(".")[2]


def _of_answer(response: Any, server: str, resource: str) -> SourceError:
    """Of an error that the service itself has answered with.

    A server error counts as unreachable, since it is worth asking afresh whether the queue is still there; 503 alone asks
    for no more than patience.
    """
    code = code_of(str(response.get("Error", {}).get("Code", "")))
    message = " ".join(str(response.get("Error", {}).get("Message", "")).split())
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    said = f"{code}: {message}"[:LONGEST] if message else code
    if code in THROTTLES or status in {429, 503}:
        return Throttled(f"{server} asks for fewer calls ({said})", retry_after=_retry_after(response))
    if code in BAD_KEYS:
        return Refused(f"{server} does not accept the credentials ({code})")
    if code in ABSENCES:
        return Missing(f"{server} has no {resource}")
    if code in DENIALS or status in {401, 403}:
        return Refused(f"{server} denies access to {resource} ({said})")
    if status // 100 == 5:  # noqa: PLR2004 - a class of HTTP status
        return Unreachable(f"{server} is out of order ({status} {said})")
    return SourceError(f"{server} answered {said}")


def _retry_after(response: Any) -> float | None:
    value = str(response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("retry-after", ""))
    return float(value) if value.isdecimal() else None  # a date is allowed there too, and never seen


def _reason(error: Any) -> str:
    """Why there is no connection, in a few words; botocore keeps the cause among the arguments of its message."""
    if isinstance(error, client.ConnectTimeoutError | client.ReadTimeoutError):
        return "no answer in time"
    if isinstance(error, client.ConnectionClosedError):
        return "the connection broke"
    cause = error.kwargs.get("error")
    cause = getattr(cause, "os_error", cause)  # aiohttp keeps the system's own error there
    if isinstance(cause, OSError) and cause.errno:
        text = os.strerror(cause.errno) if cause.errno > 0 else cause.strerror  # below 0: the resolver's own numbers
        return (text or "the connection broke").lower()
    return str(cause) if cause is not None and str(cause) else "the connection broke"
