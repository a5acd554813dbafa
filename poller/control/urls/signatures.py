"""Who has signed a request to a URL with AWS_IAM (Signature Version 4, service ``lambda``).

Resource policies are not looked at: whoever has a key of this daemon that is good for the function may call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from poller.control.urls.table import Url
from poller.envelope.url.event import HttpRequest
from poller.wire.aws import sigv4
from poller.wire.aws.errors import ApiError
from poller.wire.aws.sigv4_rules import Scope
from poller.wire.aws.target import target

SERVICE = "lambda"


class Signatures:
    """secret: of an access key that may call a function, by key and function; None: there is no such key. now: seconds since 1970."""

    def __init__(self, secret: Callable[[str, str], str | None], now: Callable[[], float]) -> None:
        self._secret = secret
        self._now = now

    def identify(self, request: HttpRequest, url: Url) -> Mapping[str, Any] | None:
        """Who signed it, as events have it (requestContext.authorizer.iam); None: nobody who may call."""
        try:
            headers = [(name.lower(), value) for name, value in request.headers]
            signed = sigv4.Request(method=request.method, target=target(request.target), headers=headers)
            claim = sigv4.claim(signed, Scope(region=url.region, service=SERVICE), self._now())
            secret = self._secret(claim.access_key_id, url.function)
            if secret is None or claim.token:
                return None
            claim.verify(secret, request.body)
        except ApiError:
            return None
        key, account = claim.access_key_id, url.account
        return {
            "accessKey": key,
            "accountId": account,
            "callerId": key,
            "cognitoIdentity": None,
            "principalOrgId": None,
            "userArn": f"arn:aws:iam::{account}:user/{key}",
            "userId": key,
        }
