"""Answers that every API on an environment's listener gives."""

from __future__ import annotations

import orjson

from poller.wire.http import Exchange, response

JSON = (b"Content-Type", b"application/json")
ACCEPTED = response(202, [JSON], orjson.dumps({"status": "OK"}))
"""Whole: what every accepted POST is answered with (Lambda DG, Lambda runtime API)."""


def refuse(exchange: Exchange, status: int, error_type: str, message: str) -> None:
    """An error object, as the service words them."""
    exchange.respond(status, [JSON], orjson.dumps({"errorMessage": message, "errorType": error_type}))


def not_found(exchange: Exchange) -> None:
    """No such path, or not with this method."""
    refuse(exchange, 404, "NotFound", "There is no such path, or not with this method")


def no_transition(state: str, wanted: str, who: str) -> str:
    """Why a call is refused that may not come now."""
    return f"State transition from {state} to {wanted} failed for {who}. Error: State transition is not allowed"
