"""A request comes to a function as AWS's own samples have it."""

from __future__ import annotations

import base64
import calendar
import json
import time
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.parser.models import LambdaFunctionUrlModel

from poller.envelope.url.event import Arrival, HttpRequest, event

GOLDEN = Path(__file__).parents[3] / "golden/events/function-url"
ID = "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6"
ARRIVAL = Arrival(
    url_id=ID,
    domain_name=f"{ID}.lambda-url.us-east-1.localhost",
    request_id="3da1f2dc-3222-475e-9205-e2e6c6318895",
    moment=1659687279.885,
    trace_id="Root=1-62ecd163-5f302e550dcde3b12402207d",
)


def request(method: str = "GET", target: str = "/", body: bytes = b"", **headers: str) -> HttpRequest:
    pairs = [(name.replace("_", "-").title(), value) for name, value in headers.items()]
    return HttpRequest(method=method, target=target, headers=pairs, body=body, peer="127.0.0.1", port=9871)


def made(asked: HttpRequest, arrival: Arrival = ARRIVAL) -> Any:
    return json.loads(event(asked, arrival))


def sample(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text())


def asked_for(shown: dict[str, Any], own: set[str]) -> tuple[HttpRequest, Arrival]:
    """What must have been sent for an event to come of it. own: headers that the platform adds."""
    context = shown["requestContext"]
    headers = [(name.title(), value) for name, value in shown["headers"].items() if name not in own]
    if "cookies" in shown:
        headers.append(("Cookie", "; ".join(shown["cookies"])))
    query = f"?{shown['rawQueryString']}" if shown["rawQueryString"] else ""
    moment = calendar.timegm(time.strptime(context["time"], "%d/%b/%Y:%H:%M:%S +0000"))
    asked = HttpRequest(
        method=context["http"]["method"],
        target=f"{shown['rawPath']}{query}",
        headers=headers,
        body=shown.get("body", "").encode(),
        peer=context["http"]["sourceIp"],
        port=int(shown["headers"].get("x-forwarded-port", "443")),
    )
    arrival = Arrival(
        url_id=context["apiId"],
        domain_name=context["domainName"],
        request_id=context["requestId"],
        moment=moment + context["timeEpoch"] % 1000 / 1000,
        trace_id=shown["headers"].get("x-amzn-trace-id", ""),
        account_id=context["accountId"],
        iam=context.get("authorizer", {}).get("iam"),
    )
    return asked, arrival


def test_an_anonymous_request_is_the_sample() -> None:
    shown = sample("anonymous-get.json")
    own = {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-port", "x-amzn-trace-id"}
    found = made(*asked_for(shown, own))
    assert found["headers"].pop("x-forwarded-proto") == "http"
    assert shown["headers"].pop("x-forwarded-proto") == "https"
    assert found["requestContext"]["http"].pop("userAgent") == shown["headers"]["user-agent"]
    assert shown["requestContext"]["http"].pop("userAgent") == "agent"  # the sample's own word
    assert found == shown


def test_a_signed_request_is_the_sample_without_what_says_nothing() -> None:
    shown = sample("iam-post.json")
    shown["headers"]["content-type"] = "text/plain"
    found = made(*asked_for(shown, set()))
    for name in ("pathParameters", "stageVariables"):
        assert shown.pop(name) is None
    assert shown["requestContext"].pop("authentication") is None
    assert shown["requestContext"]["http"].pop("userAgent") == "agent"
    assert found["requestContext"]["http"].pop("userAgent") == ""
    assert {name for name in found["headers"] if name not in shown["headers"]} == {
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-port",
        "x-amzn-trace-id",
    }
    assert found.pop("headers").items() >= shown.pop("headers").items()
    assert found == shown | {"requestContext": found["requestContext"]}
    assert found["requestContext"].pop("timeEpoch") == 1584039838390
    assert shown["requestContext"].pop("timeEpoch") == 1583348638390  # eight days before the sample's own time
    assert found["requestContext"] == shown["requestContext"]


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/pa2%Fth/1", "/pa2%Fth/1", None),
        ("/a%2Fb%20c", "/a/b c", None),
        ("/?a=1&a=2&b=%20x+y&c", "/", {"a": "1,2", "b": " x y", "c": ""}),
        ("/?", "/", None),
    ],
)
def test_paths_and_queries_are_decoded(target: str, path: str, query: dict[str, str] | None) -> None:
    found = made(request(target=target))
    assert (found["rawPath"], found["requestContext"]["http"]["path"]) == (path, path)
    assert found.get("queryStringParameters") == query
    assert found["rawQueryString"] == target.partition("?")[2]


def test_headers_of_one_name_are_one_and_cookies_are_none() -> None:
    pairs = [("X-One", "1"), ("x-one", "2"), ("Cookie", "a=1; b=2"), ("Cookie", "c=3"), ("X-Forwarded-For", "9.9.9.9")]
    asked = HttpRequest(method="GET", target="/", headers=pairs, body=b"", peer="127.0.0.1", port=1)
    found = made(asked)
    assert found["headers"]["x-one"] == "1,2"
    assert found["cookies"] == ["a=1", "b=2", "c=3"]
    assert "cookie" not in found["headers"]
    assert found["headers"]["x-forwarded-for"] == "9.9.9.9, 127.0.0.1"
    assert found["requestContext"]["http"]["sourceIp"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain", "grüße".encode(), "grüße"),
        ("application/json; charset=utf-8", b"{}", "{}"),
        ("application/vnd.api+json", b"{}", "{}"),
        ("text/plain", b"\xff", None),
        ("application/x-www-form-urlencoded", b"a=1", None),
        ("multipart/form-data; boundary=x", b"--x", None),
        ("", b"a", None),
    ],
)
def test_a_body_is_text_where_its_type_is(content_type: str, body: bytes, text: str | None) -> None:
    found = made(request("POST", body=body, content_type=content_type))
    expected = base64.b64encode(body).decode() if text is None else text
    assert (found["body"], found["isBase64Encoded"]) == (expected, text is None)


def test_powertools_read_what_we_send() -> None:
    iam = {"accessKey": "AKIA", "accountId": "111122223333", "callerId": "AIDA", "cognitoIdentity": None}
    iam |= {"principalOrgId": None, "userArn": "arn:aws:iam::111122223333:user/u", "userId": "AIDA"}
    asked = request("POST", "/my/path?a=1", b"{}", content_type="application/json", user_agent="x", cookie="a=1")
    anonymous = LambdaFunctionUrlModel.model_validate(made(asked))
    assert (anonymous.rawPath, anonymous.body, anonymous.cookies) == ("/my/path", "{}", ["a=1"])
    signed = Arrival(
        url_id=ID, domain_name="d", request_id="r", moment=0.5, trace_id="", account_id="111122223333", iam=iam
    )
    context = LambdaFunctionUrlModel.model_validate(made(asked, signed)).requestContext
    assert context.authorizer is not None
    assert context.authorizer.iam is not None
    assert context.authorizer.iam.userArn == "arn:aws:iam::111122223333:user/u"
