from __future__ import annotations

import errno
import socket
from typing import Any

import pytest
from botocore import exceptions as client

from connectors.aws.errors import translate
from connectors.contract import Missing, Refused, SourceError, Throttled, Unreachable

URL = "http://127.0.0.1:4566"


def answer(
    code: str, status: int = 400, message: str = "", headers: dict[str, str] | None = None
) -> client.ClientError:
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers or {}},
    }
    return client.ClientError(response, "ReceiveMessage")


def translated(error: Exception) -> SourceError:
    return translate(error, server=URL, resource="queue orders in us-east-1")


@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [
        (answer("AWS.SimpleQueueService.NonExistentQueue"), Missing, f"{URL} has no queue orders in us-east-1"),
        (answer("QueueDoesNotExist"), Missing, f"{URL} has no queue orders in us-east-1"),
        (
            answer("AccessDenied", 403, "arn:aws:iam::1:user/x is not authorized"),
            Refused,
            f"{URL} denies access to queue orders in us-east-1 (AccessDenied: arn:aws:iam::1:user/x is not authorized)",
        ),
        (answer("InvalidClientTokenId", 403), Refused, f"{URL} does not accept the credentials (InvalidClientTokenId)"),
        (answer("ExpiredToken"), Refused, f"{URL} does not accept the credentials (ExpiredToken)"),
        (answer("Forbidden", 403), Refused, f"{URL} denies access to queue orders in us-east-1 (Forbidden)"),
        (answer("RequestThrottled", 403), Throttled, f"{URL} asks for fewer calls (RequestThrottled)"),
        (answer("ThrottlingException", 400), Throttled, f"{URL} asks for fewer calls (ThrottlingException)"),
        (answer("AWS.SimpleQueueService.OverLimit"), Throttled, f"{URL} asks for fewer calls (OverLimit)"),
        (answer("429", 429), Throttled, f"{URL} asks for fewer calls (429)"),
        (answer("ServiceUnavailable", 503), Throttled, f"{URL} asks for fewer calls (ServiceUnavailable)"),
        (answer("InternalError", 500, "oops"), Unreachable, f"{URL} is out of order (500 InternalError: oops)"),
        (answer("502", 502, "Bad Gateway"), Unreachable, f"{URL} is out of order (502 502: Bad Gateway)"),
        (answer("UnsupportedOperation", 400, "no"), SourceError, f"{URL} answered UnsupportedOperation: no"),
        (TimeoutError(), Unreachable, f"{URL} did not answer in time"),
        (client.ReadTimeoutError(endpoint_url=URL), Unreachable, f"cannot reach {URL}: no answer in time"),
        (client.ConnectTimeoutError(endpoint_url=URL), Unreachable, f"cannot reach {URL}: no answer in time"),
        (client.ConnectionClosedError(endpoint_url=URL), Unreachable, f"cannot reach {URL}: the connection broke"),
        (client.HTTPClientError(error=None), Unreachable, f"cannot reach {URL}: the connection broke"),
        (
            client.NoCredentialsError(),
            Refused,
            f"there are no usable credentials for {URL}: unable to locate credentials",
        ),
        (KeyError("x"), SourceError, f"the client of {URL} failed: KeyError: 'x'"),
    ],
)
def test_each_error_has_its_class_and_its_sentence(error: Exception, kind: type[SourceError], sentence: str) -> None:
    found = translated(error)
    assert type(found) is kind
    assert str(found) == sentence


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 4566)"), "connection refused"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "connection reset by peer"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "name or service not known"),
        (ConnectionResetError("Connection lost"), "Connection lost"),
    ],
)
def test_the_systems_own_reason_is_told(cause: OSError, words: str) -> None:
    found = translated(client.EndpointConnectionError(endpoint_url=URL, error=cause))
    assert type(found) is Unreachable
    assert str(found) == f"cannot reach {URL}: {words}"


def test_a_throttling_server_says_how_long() -> None:
    assert translated(answer("503", 503, headers={"retry-after": "7"})).retry_after == 7
    assert translated(answer("503", 503, headers={"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"})).retry_after is None
    assert translated(answer("503", 503)).retry_after is None


def test_what_aws_repeats_of_a_signed_request_is_not_told() -> None:
    canonical = "The Canonical String for this request should have been x-amz-security-token:tok3n"
    assert "tok3n" not in str(translated(answer("SignatureDoesNotMatch", 403, canonical)))
    assert "tok3n" not in str(translated(answer("IncompleteSignature", 400, "AKIA... tok3n")))


def test_a_page_in_place_of_an_answer_is_cut_short() -> None:
    assert len(str(translated(answer("404", 404, "<html>" * 1000)))) < 300


def test_an_answer_without_the_usual_parts_is_still_an_error_of_the_contract() -> None:
    empty: dict[str, Any] = {}
    assert type(translated(client.ClientError(empty, "ReceiveMessage"))) is SourceError
