"""Signatures made by botocore's own signer are accepted, and nothing else is."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from poller.wire.aws.errors import ApiError
from poller.wire.aws.sigv4 import Request, access_key_id, claim
from poller.wire.aws.sigv4_rules import STAMP, Scope
from poller.wire.aws.target import target

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SCOPE = Scope(region="us-east-1", service="lambda")
HOST = "http://127.0.0.1:9870"


def signed(
    method: str = "POST",
    path: str = "/2015-03-31/functions/orders/invocations",
    body: bytes = b"{}",
    headers: Mapping[str, str] | None = None,
    *,
    signer: Callable[[Credentials, str, str], SigV4Auth] = SigV4Auth,
    token: str | None = None,
    region: str = "us-east-1",
    service: str = "lambda",
) -> tuple[Request, bytes, float]:
    """A request as it arrives, its body, and when it was signed. botocore presigns without a body."""
    body = body if signer is SigV4Auth else b""
    outgoing = AWSRequest(method=method, url=HOST + path, data=body, headers=dict(headers or {}))
    signer(Credentials("AKIDEXAMPLE", SECRET, token), service, region).add_auth(outgoing)
    url = urlsplit(outgoing.url)
    raw = url.path + (f"?{url.query}" if url.query else "")
    own = {name.lower(): value for name, value in outgoing.headers.items()} | {"host": url.netloc}
    arrived = Request(method=method, target=target(raw), headers=list(own.items()))
    if "date" in own:
        return arrived, body, parsedate_to_datetime(own["date"]).timestamp()
    stamp = own.get("x-amz-date") or dict(arrived.target.query)["X-Amz-Date"]
    return arrived, body, datetime.strptime(stamp, STAMP).replace(tzinfo=UTC).timestamp()


def verify(request: Request, body: bytes, now: float, scope: Scope = SCOPE) -> None:
    claim(request, scope, now).verify(SECRET, body)


def refused(request: Request, body: bytes, now: float, scope: Scope = SCOPE) -> ApiError:
    with pytest.raises(ApiError) as raised:
        verify(request, body, now, scope)
    return raised.value


def with_header(request: Request, name: str, value: str | None) -> Request:
    rest = [(own, given_value) for own, given_value in request.headers if own != name]
    return dataclasses.replace(request, headers=rest if value is None else [*rest, (name, value)])


def presigner(credentials: Credentials, service: str, region: str) -> SigV4Auth:
    return SigV4QueryAuth(credentials, service, region, expires=900)


@pytest.mark.parametrize("signer", [SigV4Auth, presigner])
@pytest.mark.parametrize(
    ("method", "path", "body", "headers"),
    [
        ("GET", "/", b"", {}),
        ("GET", "/2015-03-31/functions", b"", {"My-Header1": " a   b  c "}),
        ("GET", "/2015-03-31/functions/?Marker=a%20b&MaxItems=1", b"", {}),
        ("GET", "/?Param2=value2&Param1=value1&Param1=Value0&Empty=&Bare", b"", {}),
        ("GET", "/?%E1%88%B4=bar&-._~0123=%2B%2F%3D", b"", {}),
        ("GET", "/a/./b/../c//d/.", b"", {}),
        ("GET", "/../..//", b"", {}),
        (
            "POST",
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af/invocations",
            b"\xff",
            {},
        ),
        (
            "DELETE",
            "/2017-03-31/tags/arn%3Aaws%3Alambda%2Fx?tagKeys=a&tagKeys=b&tagKeys=A",
            b"",
            {"X-Amz-Client-Context": "e30="},
        ),
        ("PUT", "/2021-10-31/functions/f/url", b'{"AuthType":"NONE"}' * 1000, {"Content-Type": "application/json"}),
    ],
)
def test_what_botocore_signs_is_accepted(
    signer: Callable[[Credentials, str, str], SigV4Auth],
    method: str,
    path: str,
    body: bytes,
    headers: Mapping[str, str],
) -> None:
    verify(*signed(method, path, body, headers, signer=signer))


@pytest.mark.parametrize("signer", [SigV4Auth, presigner])
def test_the_claim_tells_key_and_token(signer: Callable[[Credentials, str, str], SigV4Auth]) -> None:
    request, body, now = signed(signer=signer, token="a token/+=")
    claimed = claim(request, SCOPE, now)
    assert (claimed.access_key_id, claimed.token) == ("AKIDEXAMPLE", "a token/+=")
    assert access_key_id(request) == "AKIDEXAMPLE"
    claimed.verify(SECRET, body)


def test_another_secret_does_not_do() -> None:
    request, body, now = signed()
    with pytest.raises(ApiError, match="does not match the signature you provided"):
        claim(request, SCOPE, now).verify(SECRET + "x", body)


@pytest.mark.parametrize(
    ("off", "text"),
    [(301, "Signature expired: .* is now earlier than .* - 5 min"), (-301, "Signature not yet current: .* 5 min")],
)
def test_a_clock_may_be_five_minutes_off(off: int, text: str) -> None:
    request, body, now = signed()
    verify(request, body, now + (300 if off > 0 else -300))
    with pytest.raises(ApiError, match=text):
        verify(request, body, now + off)


def test_a_presigned_request_is_good_for_as_long_as_it_says() -> None:
    request, body, now = signed(signer=presigner)
    verify(request, body, now + 900)
    assert "Signature expired" in str(refused(request, body, now + 901))
    assert "not yet current" in str(refused(request, body, now - 301))


@pytest.mark.parametrize("expires", ["0", "604801", "-1", "", "1e3", "٣", "99999999999999999999"])
def test_a_presigned_request_says_how_long(expires: str) -> None:
    request, body, now = signed(signer=presigner)
    query = [(name, expires if name == "X-Amz-Expires" else value) for name, value in request.target.query]
    changed = dataclasses.replace(request, target=dataclasses.replace(request.target, query=query))
    assert refused(changed, body, now).code == "IncompleteSignatureException"


@pytest.mark.parametrize(
    ("scope", "text"),
    [
        (Scope(region="eu-west-1", service="lambda"), "not 'us-east-1'; here it is 'eu-west-1'"),
        (Scope(region="us-east-1", service="logs"), "correct service: 'logs'"),
    ],
)
def test_the_signature_is_for_this_region_and_service(scope: Scope, text: str) -> None:
    assert text in str(refused(*signed(), scope))


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        (("authorization", None), "MissingAuthenticationTokenException", "Missing Authentication Token"),
        (("authorization", "Bearer word"), "IncompleteSignatureException", "Unsupported AWS 'algorithm'"),
        (
            ("authorization", "AWS4-HMAC-SHA256 "),
            "IncompleteSignatureException",
            "requires 'Credential' parameter. Auth",
        ),
        (
            ("authorization", "AWS4-HMAC-SHA256 Credential=a, Credential=b"),
            "IncompleteSignatureException",
            "more than one",
        ),
        (("x-amz-date", None), "IncompleteSignatureException", "either a 'X-Amz-Date' or a 'Date'"),
        (("x-amz-date", "2026-11-25"), "IncompleteSignatureException", "ISO-8601 'basic format'"),
        (("x-amz-date", "20200101T000000Z"), "InvalidSignatureException", "Date in Credential scope does not match"),
        (("host", None), "InvalidSignatureException", "'host' was signed, but is not there"),
        (("x-amz-invocation-type", "Event"), "InvalidSignatureException", "was not signed and must be"),
        (("x-amz-content-sha256", "UNSIGNED-PAYLOAD"), "InvalidSignatureException", "sign the whole body"),
        (
            ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            "InvalidSignatureException",
            "sign the whole body",
        ),
        (("content-encoding", "gzip,AWS-chunked"), "InvalidSignatureException", "sign the whole body"),
    ],
)
def test_a_request_that_is_not_as_it_must_be_is_told_why(change: tuple[str, str | None], code: str, text: str) -> None:
    request, body, now = signed()
    error = refused(with_header(request, *change), body, now)
    assert error.code == code
    assert text in str(error.message)


@pytest.mark.parametrize("name", ["authorization", "host", "x-amz-date"])
def test_a_header_that_counts_comes_once(name: str) -> None:
    request, body, now = signed()
    twice = dataclasses.replace(request, headers=[*request.headers, (name, dict(request.headers)[name])])
    assert refused(twice, body, now).code == "IncompleteSignatureException"


def test_header_and_query_do_not_sign_both() -> None:
    request, body, now = signed(signer=presigner)
    both = with_header(request, "authorization", dict(signed()[0].headers)["authorization"])
    assert "not in both" in str(refused(both, body, now))


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("aws4_request", "aws5_request", "valid terminator: 'aws4_request', not 'aws5_request'"),
        ("/lambda/", "/", "exactly 5 slash-delimited elements"),
        ("host;x-amz-date", "x-amz-date", "'Host' or ':authority' must be"),
        ("host;x-amz-date", "x-amz-date;host", "in order, each name once"),
        ("host;x-amz-date", "host;host;x-amz-date", "in order, each name once"),
    ],
)
def test_what_the_authorization_header_says_is_judged(old: str, new: str, text: str) -> None:
    request, body, now = signed()
    header = dict(request.headers)["authorization"]
    assert old in header
    assert text in str(refused(with_header(request, "authorization", header.replace(old, new)), body, now))


def test_a_hash_of_the_body_is_taken_when_it_is_the_bodys() -> None:
    right = signed(headers={"X-Amz-Content-SHA256": hashlib.sha256(b"{}").hexdigest()})
    verify(*right)
    request, _, now = right
    assert refused(request, b"{ }", now).code == "InvalidSignatureException"


def test_a_date_header_does_where_there_is_no_other() -> None:
    request, body, now = signed(headers={"Date": "Wed, 25 Nov 2026 09:30:00 GMT"})
    assert "x-amz-date" not in dict(request.headers)
    verify(request, body, now)


@settings(max_examples=400, deadline=None)
@given(data=st.data(), signer=st.sampled_from([SigV4Auth, presigner]))
def test_no_byte_can_be_changed(data: st.DataObject, signer: Callable[[Credentials, str, str], SigV4Auth]) -> None:
    request, body, now = signed(
        path="/2015-03-31/functions/a%3Ab/invocations?Qualifier=live%2B1&x=",
        headers={"X-Amz-Log-Type": "Tail"},
        signer=signer,
    )
    where = data.draw(st.sampled_from(["method", "path", "name", "value", "header", "body"]))
    changed, changed_body = request, body
    if where == "method":
        changed = dataclasses.replace(request, method=_changed(data, request.method))
    elif where == "path":
        raw = _changed(data, request.target.path)
        try:
            path = target(raw).path
        except ApiError:
            return
        changed = dataclasses.replace(request, target=dataclasses.replace(request.target, path=path))
    elif where in {"name", "value"}:
        query = list(request.target.query)
        at = data.draw(st.integers(0, len(query) - 1))
        name, value = query[at]
        query[at] = (_changed(data, name), value) if where == "name" else (name, _changed(data, value))
        changed = dataclasses.replace(request, target=dataclasses.replace(request.target, query=query))
    elif where == "header":
        headers = list(request.headers)
        at = data.draw(st.integers(0, len(headers) - 1))
        name, value = headers[at]
        headers[at] = (name, _changed(data, value))
        assume(headers[at][1].split() != value.split())  # blanks at the ends are not signed, nor how many
        changed = dataclasses.replace(request, headers=headers)
    else:
        changed_body = data.draw(st.binary())
    assume((changed, changed_body) != (request, body))
    assume(access_key_id(changed) == access_key_id(request))  # its secret is looked up by that, so another one is none
    refused(changed, changed_body, now)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_request_line_means_something_else(data: st.DataObject) -> None:
    raw = "/2015-03-31/functions/a%3Ab/invocations?Qualifier=live%2B1&x="
    request, body, now = signed(path=raw)
    try:
        changed = target(_changed(data, raw))
    except ApiError:
        return
    assume(changed.path != request.target.path or sorted(changed.query) != sorted(request.target.query))
    refused(dataclasses.replace(request, target=changed), body, now)


def _changed(data: st.DataObject, text: str) -> str:
    at = data.draw(st.integers(0, len(text)))
    new = data.draw(st.sampled_from(["", "a", "A", "%", "/", ".", "=", "&", ",", ";", "é", "0", "1"]))
    return text[:at] + new + text[at + data.draw(st.integers(0, 2)) :]
