"""A client of AWS that answers what a test tells it, instead of a server; for what no local server can be brought to say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from connectors.aws import client as aws_client


class FakeAws:
    """Takes the place of every client.

    answers: by verb, what is answered, or a function of the request. calls: verb and request, the oldest first. users: of clients.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: dict[str, Any] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.users = 0
        line = asyncio.Semaphore(aws_client.OPENING_AT_ONCE)
        monkeypatch.setattr(aws_client, "acquire", self._acquire)
        monkeypatch.setattr(aws_client, "release", self._release)
        monkeypatch.setattr(aws_client, "opening", lambda _target: line)

    def of(self, verb: str) -> list[dict[str, Any]]:
        """Requests of one kind."""
        return [request for called, request in self.calls if called == verb]

    def fail(self, verb: str, code: str, status: int = 400) -> None:
        """Answer with an error of the service from now on."""

        def refuse(_request: dict[str, Any]) -> Any:
            metadata = {"HTTPStatusCode": status}
            raise ClientError({"Error": {"Code": code, "Message": "words"}, "ResponseMetadata": metadata}, verb)

        self.answers[verb] = refuse

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        async def call(**request: Any) -> Any:
            self.calls.append((verb, request))
            await asyncio.sleep(0)
            answer = self.answers[verb]
            return answer(request) if callable(answer) else answer

        return call

    async def _acquire(self, _target: object) -> FakeAws:
        self.users += 1
        return self

    async def _release(self, _target: object) -> None:
        self.users -= 1


def at(moment: float) -> datetime:
    """A moment as clients of AWS give it."""
    return datetime.fromtimestamp(moment, UTC)
