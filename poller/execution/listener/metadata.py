"""The metadata endpoint: a function's process asks where it runs (Lambda DG, Using the Lambda metadata endpoint, 2026).

Every environment serves it, at the address of its Runtime API; its processes find that and the token in AWS_LAMBDA_METADATA_API and
AWS_LAMBDA_METADATA_TOKEN.
"""

from __future__ import annotations

import hmac
import re
import uuid

import orjson

from poller.execution.listener.replies import JSON, not_found, refuse
from poller.wire.http import Exchange, Request, response

_PARTS = re.compile("north|south|east|west|.+")
"""Of a word of a region's name: ``southeast`` is two."""


def zone_of(region: str) -> str:
    """Id of the region's first zone: ``us-east-1`` -> ``use1-az1``, the way AWS shortens names (Amazon EC2 user guide, AZ IDs).

    A stand-in: this host is in no zone, but what a client compares or stores is of the right form. A name that is no region of AWS's
    is shortened the same way.
    """
    first, *rest = region.split("-")
    return first + "".join(part[0] for word in rest for part in _PARTS.findall(word)) + "-az1"


class MetadataApi:
    """Where one environment is. zone: e.g. ``use1-az1``. token: its own, a UUID as the service's are (observed 2026)."""

    prefix = b"/2026-01-15/metadata/execution-environment"

    def __init__(self, zone: str) -> None:
        self.token = str(uuid.uuid4())
        self._authorization = f"Bearer {self.token}".encode()
        cached = (b"Cache-Control", b"private, max-age=43200, immutable")
        self._answer = response(200, [JSON, cached], orjson.dumps({"AvailabilityZoneID": zone}))

    def on_call(self, request: Request, exchange: Exchange) -> None:
        """Tell it to who knows the token."""
        if request.path != self.prefix:
            not_found(exchange)
        elif request.method != b"GET":
            refuse(exchange, 405, "MethodNotAllowed", "Only GET is allowed")
        elif not hmac.compare_digest(request.header(b"authorization"), self._authorization):
            refuse(exchange, 401, "Unauthorized", "The token is missing or wrong")
        else:
            exchange.send(self._answer)

    def runtime_ready(self) -> None:
        """Nothing follows."""

    def reset(self) -> None:
        """Nothing is kept: the token is the environment's, whatever processes it has."""
