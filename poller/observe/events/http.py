"""The API's answers and those of function URLs."""

from __future__ import annotations

from dataclasses import dataclass

from poller.observe.events.fact import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAnswered(Fact):
    """A request to the API has its answer. operation: "" when it named none. code: of the error, "" when there is none.

    caller: the access key id that proved right, "" where none is asked for or none was proved. address: where the request came from.
    """

    operation: str
    code: str
    status: int
    seconds: float
    caller: str
    address: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlOpened(Fact):
    """A function is reached under this URL. function: with the alias, if it is one's. auth_type: NONE or AWS_IAM."""

    function: str
    url: str
    auth_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlPortFailedError(Fact):
    """A port of function URLs cannot be opened after a change; what was served before still is, and nothing new."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlAnswered(Fact):
    """A request to a URL has its answer. function: as above; "" where no URL was meant. seconds: until all of it was sent."""

    function: str
    status: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlAnswerUnusable(Fact):
    """What a function said is no HTTP answer, so its client was told that it failed (502)."""

    function: str
    request_id: str
    message: str
