"""What every operation of the API is given, and what it gives back.

A resource offers ``handlers() -> Mapping[str, Handler]``, by the name of the operation. A handler finds its parameters parsed and checked
against AWS's model; what else is wrong it says with ApiError.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from poller.wire.aws.errors import ApiError

__all__ = ["ApiError", "Call", "Caller", "Handler", "RawCall", "RawHandler"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks. What they may do was judged before a handler is called."""

    access_key_id: str = ""
    """The key that the request was signed with, as it says; empty: it was not signed."""
    address: str = ""
    """Where the connection comes from: an IP address."""
    functions: frozenset[str] | None = None
    """Names of the functions that the caller is limited to; None: all."""

    def may_use(self, function: str) -> bool:
        """Whether a function, by its bare name, is within what the caller is limited to."""
        return self.functions is None or function in self.functions


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, parsed and checked against the model of the service."""

    operation: str
    """``CreateFunction``."""
    params: Mapping[str, Any]
    """By the model's member names; absent where nothing was given. Blobs are bytes, timestamps seconds since 1970."""
    caller: Caller
    request_id: str
    """What ``x-amzn-RequestId`` of the answer says."""
    url: str
    """The port, as the caller has reached it: what addresses in the answer begin with."""


Handler = Callable[[Call], Awaitable[Mapping[str, Any]]]
"""Does what the operation says and returns its output by member names, in the same terms as the parameters; None is left out.

A stream of events (``EventStream``) is an async generator of mappings with one member each: ``{"PayloadChunk": {"Payload": b"..."}}``; it
is closed when the client is gone. Raises ApiError.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawCall:
    """One request of an operation that takes the short way: read whole, signature and rights checked, parameters left where they are."""

    request: web.Request
    function_name: str
    """As in the path, decoded; its grammar unchecked."""
    body: bytes
    caller: Caller
    request_id: str


RawHandler = Callable[[RawCall], Awaitable[web.StreamResponse]]
"""Answers by itself; the front adds ``x-amzn-RequestId`` to what is not yet prepared, and writes what is raised as ApiError."""
