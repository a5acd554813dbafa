"""Who may call the API, and what: access keys, clients' certificates, and neither on loopback.

Where there are keys every request is signed with one (sigv4.py), and a key may be limited to reading and to functions. Without, any
signature will do and none as well, as with emulators; then only web pages are kept out (browsers.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from poller.control.api.browsers import refuse_browsers
from poller.control.api.contract import ApiError, Caller
from poller.settings.model import HttpSettings, KeySettings
from poller.settings.references import function_reference
from poller.wire.aws import sigv4
from poller.wire.aws.sigv4_rules import Scope

DENIED = "AccessDeniedException"
_READS = ("Get", "List", "Describe", "Filter")
_DRY = frozenset({"Invoke", "InvokeWithResponseStream"})
_ACTIONS = {
    "GetLayerVersionByArn": "GetLayerVersion",
    "Invoke": "InvokeFunction",
    "InvokeWithResponseStream": "InvokeFunction",
}
"""IAM's names of operations where they differ (Service Authorization Reference, Lambda)."""

_LOG_GROUP = re.compile(
    r"(?:arn:[^:]*:logs:[^:]*:[^:]*:log-group:)?/aws/lambda/(?P<name>[a-zA-Z0-9-_]+)(?::\*)?", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A request before its body is read. address: of the connection. has_certificate: TLS found one that client_ca signed."""

    request: sigv4.Request
    address: str
    has_certificate: bool = False


class Access:
    """The rules of one configuration. account, region: of the ARNs that refusals name. now: seconds since 1970."""

    def __init__(self, http: HttpSettings, *, account: str, region: str, now: Callable[[], float]) -> None:
        self.use(http)
        self._account = account
        self._region = region
        self._now = now

    def use(self, http: HttpSettings) -> None:
        """Go by these rules from now on."""
        self._keys: Mapping[str, KeySettings] = http.keys
        self._wants_certificate = http.tls is not None and bool(http.tls.client_ca)

    def begin(self, arrival: Arrival, service: str) -> Callable[[bytes], Caller]:
        """Judge what can be judged without the body; what is returned proves who asks, given the body. Both raise ApiError.

        service: the one that signatures must be for.
        """
        if self._wants_certificate and not arrival.has_certificate:
            raise ApiError(DENIED, "This port takes a client certificate (http.tls.client_ca).")
        if not self._keys:
            return self._anybody(arrival)
        claim = sigv4.claim(arrival.request, Scope(region=self._region, service=service), self._now())
        key = self._keys.get(claim.access_key_id)
        if key is None or claim.token:
            raise ApiError("UnrecognizedClientException", "The security token included in the request is invalid.")
        caller = Caller(
            access_key_id=claim.access_key_id,
            address=arrival.address,
            functions=frozenset(key.functions) or None,
        )

        def prove(body: bytes) -> Caller:
            claim.verify(key.secret_access_key, body)
            return caller

        return prove

    def authorise(self, caller: Caller, service: str, operation: str, params: Mapping[str, Any]) -> None:
        """Whether a caller whose signature is right may do this. Raises ApiError (AccessDeniedException) with AWS's text."""
        key = self._keys.get(caller.access_key_id)
        if key is None:
            return
        function = _function(service, params)
        within = caller.functions is None or (function is not None and caller.may_use(function))
        if within and (not key.read_only or _reads(operation, params)):
            return
        action = f"{service}:{_ACTIONS.get(operation, operation)}"
        arn = f"arn:aws:lambda:{self._region}:{self._account}:function:{function}" if function else "*"
        user = f"arn:aws:iam::{self._account}:user/{caller.access_key_id}"
        raise ApiError(
            DENIED,
            f"User: {user} is not authorized to perform: {action} on resource: {arn} "
            f"because no identity-based policy allows the {action} action",
        )

    def _anybody(self, arrival: Arrival) -> Callable[[bytes], Caller]:
        if not self._wants_certificate:
            refuse_browsers(dict(arrival.request.headers))
        caller = Caller(access_key_id=sigv4.access_key_id(arrival.request), address=arrival.address)
        return lambda _: caller


def _reads(operation: str, params: Mapping[str, Any]) -> bool:
    return operation.startswith(_READS) or (operation in _DRY and params.get("InvocationType") == "DryRun")


def _function(service: str, params: Mapping[str, Any]) -> str | None:
    """The bare name of the one function that a request is about; None: none, or what else it names decides.

    A mapping's UUID decides, whatever function is to have it; of logs the function's own group.
    """
    if service == "logs":
        groups = [params[name] for name in ("logGroupName", "logGroupIdentifier") if name in params]
        group = _LOG_GROUP.fullmatch(groups[0]) if len(groups) == 1 else None
        return group["name"] if group else None
    names = [params[name] for name in ("FunctionName", "Resource", "ResourceArn") if name in params]
    if "UUID" in params or len(names) != 1:
        return None
    found = function_reference(names[0])
    return found.name if found else None
