"""Errors of the client -> ``SourceError``: one table, and one sentence for each. Nothing secret is in what a server answers to AUTH."""

from __future__ import annotations

import os
import ssl

from redis import exceptions as client

from connectors.contract import Missing, Refused, SourceError, Throttled, Unreachable

LONGEST = 200  # characters of a server's own words

DENIALS = frozenset({"NOAUTH", "NOPERM", "WRONGPASS"})
ELSEWHERE = {
    "ASK": "its hash slot is moving to another node",
    "CLUSTERDOWN": "its cluster is down",
    "MASTERDOWN": "its master is down",
    "MOVED": "its hash slot has moved to another node",
    "READONLY": "it is a replica by now",
    "UNBLOCKED": "it is a replica by now",
}
"""Codes of a server that is no longer the one to ask: looking for it anew is what helps."""
BUSY = {
    "BUSY": "it runs a script that takes long",
    "LOADING": "it is loading its data",
    "NOREPLICAS": "it misses replicas",
    "OOM": "it is out of memory",
    "TRYAGAIN": "its hash slot is moving to another node",
}
"""Codes of a server that will answer later."""
FULL = "max number of clients"


def code_of(error: Exception) -> str:
    """The first word of a server's answer, by which Redis tells errors apart; "" for what is no answer."""
    if not isinstance(error, client.RedisError):
        return ""
    first = str(error).partition(" ")[0]
    return error.status_code or (first if first.isupper() else "")


def translate(error: Exception, *, server: str, resource: str) -> SourceError:
    """Return what the engine is told about an error of the client. resource: what was asked for, as in "stream orders"."""
    if isinstance(error, SourceError):
        return error
    said = str(error)[:LONGEST]
    if answered := _of_answer(error, said, server, resource):
        return answered
    if isinstance(error, TimeoutError | client.TimeoutError):
        return Unreachable(f"{server} did not answer in time")
    if isinstance(error, OSError | client.ConnectionError):
        return Unreachable(f"cannot reach {server}: {_reason(error)}")
    return SourceError(f"the client of {server} failed: {type(error).__name__}: {said}")


def _of_answer(error: Exception, said: str, server: str, resource: str) -> SourceError | None:
    """Of an error that the server itself has answered with; None for another."""
    code = code_of(error)
    if code in ELSEWHERE:
        return Unreachable(f"{server} is not the server to ask: {ELSEWHERE[code]}")
    if code in BUSY or FULL in said:
        return Throttled(f"{server} asks for patience: {BUSY.get(code, 'it has as many clients as it may have')}")
    if code in DENIALS or isinstance(error, client.AuthenticationError):
        return Refused(f"{server} denies access to {resource}: {said.removeprefix(code).strip()}")
    if code == "WRONGTYPE":
        return Missing(f"{server} has no {resource}: the key holds something else")
    return SourceError(f"{server} answered {said}") if isinstance(error, client.ResponseError) else None


def _reason(error: BaseException | None) -> str:
    """Why there is no connection, in a few words, from the system's own error below the client's."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate does not hold ({error.verify_message})"
        if isinstance(error, ssl.SSLError):
            return f"TLS failed ({getattr(error, 'reason', None) or 'the connection broke'})"
        if isinstance(error, OSError) and error.errno and error.errno > 0:
            return os.strerror(error.errno).lower()
        if isinstance(error, OSError) and error.strerror:  # the resolver's own numbers are below 0
            return error.strerror.lower()
        error = error.__cause__ or error.__context__
    return "the connection broke"
