"""Who may do what, by keys and what they are limited to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from poller.control.api.access import Access, Arrival
from poller.control.api.browsers import refuse_browsers
from poller.control.api.contract import ApiError, Caller
from poller.settings.model import HttpSettings, KeySettings, TlsSettings
from poller.wire.aws import sigv4
from poller.wire.aws.model import service
from poller.wire.aws.target import target

SECRET = "0123456789abcdef"
KEYS = {
    "admin": KeySettings(secret_access_key=SECRET),
    "auditor": KeySettings(secret_access_key=SECRET, read_only=True),
    "orders": KeySettings(secret_access_key=SECRET, functions=("orders",)),
    "clerk": KeySettings(secret_access_key=SECRET, read_only=True, functions=("orders", "bills")),
}
ORDERS = {"FunctionName": "orders"}
ARN = "arn:aws:lambda:us-east-1:000000000000:function:"


def access(http: HttpSettings) -> Access:
    return Access(http, account="000000000000", region="us-east-1", now=lambda: 1_795_598_386.0)


def arrival(headers: Mapping[str, str] | None = None, **more: Any) -> Arrival:
    found = {"host": "127.0.0.1:9870"} | dict(headers or {})
    request = sigv4.Request(method="GET", target=target("/2015-03-31/functions"), headers=list(found.items()))
    return Arrival(request=request, address="127.0.0.1", **more)


def may(key: str, operation: str, params: Mapping[str, Any], of: str = "lambda") -> bool:
    caller = Caller(access_key_id=key, functions=frozenset(KEYS[key].functions) or None)
    try:
        access(HttpSettings(keys=KEYS)).authorise(caller, of, operation, params)
    except ApiError as error:
        return error.code != "AccessDeniedException"
    return True


def test_a_key_without_limits_may_do_everything() -> None:
    assert all(may("admin", operation, {}) for operation in service("lambda").operations)


def test_a_key_for_reading_only_gets_and_lists() -> None:
    allowed = {operation for operation in service("lambda").operations if may("auditor", operation, ORDERS)}
    assert {operation for operation in allowed if not operation.startswith(("Get", "List"))} == set()
    assert {"GetFunction", "ListFunctions", "GetPolicy"} <= allowed


@pytest.mark.parametrize(
    ("operation", "params", "allowed"),
    [
        ("Invoke", {"InvocationType": "DryRun"}, True),
        ("InvokeWithResponseStream", {"InvocationType": "DryRun"}, True),
        ("Invoke", {"InvocationType": "Event"}, False),
        ("Invoke", {}, False),
        ("UpdateFunctionCode", {"DryRun": True, "InvocationType": "DryRun"}, False),
    ],
)
def test_a_key_for_reading_only_invokes_nothing(operation: str, params: Mapping[str, Any], allowed: bool) -> None:
    assert may("auditor", operation, {**ORDERS, **params}) is allowed


@pytest.mark.parametrize(
    ("operation", "params", "allowed"),
    [
        ("GetFunction", {"FunctionName": "orders"}, True),
        ("GetFunction", {"FunctionName": "orders:live"}, True),
        ("GetFunction", {"FunctionName": "000000000000:function:orders"}, True),
        ("GetFunction", {"FunctionName": f"{ARN}orders:$LATEST"}, True),
        ("GetFunction", {"FunctionName": f"{ARN}bills:orders"}, False),
        ("GetFunction", {"FunctionName": "bills:orders"}, False),
        ("GetFunction", {"FunctionName": "orders2"}, False),
        ("GetFunction", {"FunctionName": "orders\nbills"}, False),
        ("CreateFunction", {"FunctionName": "orders"}, True),
        ("CreateFunction", {"FunctionName": "bills"}, False),
        ("ListFunctions", {}, False),
        ("ListLayers", {}, False),
        ("CreateEventSourceMapping", {"FunctionName": "orders"}, True),
        ("UpdateEventSourceMapping", {"UUID": "0" * 36, "FunctionName": "orders"}, False),
        ("DeleteEventSourceMapping", {"UUID": "0" * 36}, False),
        ("TagResource", {"Resource": f"{ARN}orders"}, True),
        ("TagResource", {"Resource": f"{ARN}bills"}, False),
        ("TagResource", {"Resource": "arn:aws:lambda:us-east-1:000000000000:event-source-mapping:orders"}, False),
    ],
)
def test_a_key_for_a_function_is_for_no_other(operation: str, params: Mapping[str, Any], allowed: bool) -> None:
    assert may("orders", operation, params) is allowed


@pytest.mark.parametrize(
    ("operation", "params", "allowed"),
    [
        ("FilterLogEvents", {"logGroupName": "/aws/lambda/orders"}, True),
        ("GetLogEvents", {"logGroupIdentifier": "arn:aws:logs:us-east-1:0:log-group:/aws/lambda/bills:*"}, True),
        ("FilterLogEvents", {"logGroupName": "/aws/lambda/others"}, False),
        ("FilterLogEvents", {"logGroupName": "orders"}, False),
        ("GetLogEvents", {"logGroupName": "/aws/lambda/orders", "logGroupIdentifier": "/aws/lambda/others"}, False),
        ("DescribeLogGroups", {}, False),
        ("PutLogEvents", {"logGroupName": "/aws/lambda/orders"}, False),
    ],
)
def test_logs_are_their_functions(operation: str, params: Mapping[str, Any], allowed: bool) -> None:
    assert may("clerk", operation, params, "logs") is allowed


def test_who_may_not_is_told_so_in_awss_words() -> None:
    with pytest.raises(ApiError) as raised:
        access(HttpSettings(keys=KEYS)).authorise(Caller(access_key_id="auditor"), "lambda", "Invoke", ORDERS)
    assert raised.value.message == (
        "User: arn:aws:iam::000000000000:user/auditor is not authorized to perform: lambda:InvokeFunction on resource: "
        f"{ARN}orders because no identity-based policy allows the lambda:InvokeFunction action"
    )


def test_keys_ask_for_a_signature() -> None:
    with pytest.raises(ApiError) as raised:
        access(HttpSettings(keys=KEYS)).begin(arrival(), "lambda")
    assert raised.value.code == "MissingAuthenticationTokenException"


def test_without_keys_any_signature_does_and_none_as_well() -> None:
    signed = "AWS4-HMAC-SHA256 Credential=AKIA/20200101/eu-west-1/lambda/aws4_request, SignedHeaders=host, Signature=0"
    assert access(HttpSettings()).begin(arrival({"authorization": signed}), "lambda")(b"").access_key_id == "AKIA"
    assert access(HttpSettings()).begin(arrival(), "lambda")(b"").access_key_id == ""


def test_a_client_ca_asks_for_a_certificate_and_is_enough() -> None:
    mutual = access(HttpSettings(tls=TlsSettings(certificate="c", private_key="k", client_ca="a")))
    with pytest.raises(ApiError, match="client certificate"):
        mutual.begin(arrival(), "lambda")
    assert mutual.begin(arrival({"host": "pollerd.example"}, has_certificate=True), "lambda")(b"").functions is None


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:9870"},
        {"host": "[::1]:9870"},
        {"host": "localhost"},
        {"host": "a.localhost:1"},
        {"host": "10.0.0.7:9870", "sec-fetch-site": "none"},
        {"host": "127.0.0.1:9870", "origin": "http://127.0.0.1:9870", "sec-fetch-site": "same-origin"},
    ],
)
def test_programs_and_our_own_pages_are_let_in(headers: Mapping[str, str]) -> None:
    refuse_browsers(headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "evil.example:9870"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "evil.example@127.0.0.1:x"},
        {"host": "127.0.0.1:9870", "origin": "http://evil.example"},
        {"host": "127.0.0.1:9870", "origin": "null"},
        {"host": "127.0.0.1:9870", "origin": "http://127.0.0.1:8080"},
        {"host": "127.0.0.1:9870", "sec-fetch-site": "cross-site"},
        {"host": "127.0.0.1:9870", "sec-fetch-site": "same-site"},
    ],
)
def test_pages_of_others_are_kept_out(headers: Mapping[str, str]) -> None:
    with pytest.raises(ApiError) as raised:
        refuse_browsers(headers)
    assert raised.value.code == "AccessDeniedException"
