"""Which URLs there are, and which of them a request is for. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from poller.control.assemble import region_of
from poller.envelope.url.cors import Cors
from poller.settings.model import CorsSettings, Settings
from poller.settings.urls import configured

ID_LENGTH = 32
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """One URL. function: its bare name. target: what an invocation goes to. account: the owner's. domain: what host names end in.

    port: one of its own, None for none.
    """

    id: str
    function: str
    target: str
    account: str
    region: str
    domain: str
    signed: bool
    streams: bool
    cors: Cors | None = None
    port: int | None = None

    @property
    def domain_name(self) -> str:
        """The host that it is reached under."""
        return f"{self.id}.lambda-url.{self.region}.{self.domain}"


def urls(settings: Settings) -> Iterator[Url]:
    """The URLs of a configuration."""
    account, region = settings.aws.account_id, region_of(settings.aws)
    for _, function, qualifier, url in configured(settings):
        yield Url(
            id=url_id(account, function, qualifier),
            function=function,
            target=f"{function}:{qualifier}" if qualifier else function,
            account=account,
            region=region,
            domain=settings.function_urls.domain,
            signed=url.auth_type == "AWS_IAM",
            streams=url.invoke_mode == "RESPONSE_STREAM",
            cors=_cors(url.cors),
            port=url.port,
        )


def url_id(account: str, function: str, qualifier: str) -> str:
    """Letters and digits that tell a URL from all others, and stay what they are as long as these do."""
    number = int.from_bytes(hashlib.sha256(f"{account}:{function}:{qualifier}".encode()).digest(), "big")
    digits = ""
    for _ in range(ID_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits += _ALPHABET[digit]
    return digits


class Table:
    """URLs by host name and by port."""

    def __init__(self, known: Iterable[Url] = ()) -> None:
        found = list(known)
        self._by_host = {url.domain_name: url for url in found}
        self.by_port = {url.port: url for url in found if url.port is not None}

    def __iter__(self) -> Iterator[Url]:
        return iter(self._by_host.values())

    def find(self, host: str, port: int) -> Url | None:
        """host: the header's value. port: that the request came to; one that belongs to a URL does so under any host name."""
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        return self.by_port.get(port) or self._by_host.get(name.lower().rstrip("."))


def _cors(given: CorsSettings | None) -> Cors | None:
    if given is None:
        return None
    return Cors(
        allow_origins=given.allow_origins,
        allow_methods=given.allow_methods,
        allow_headers=given.allow_headers,
        expose_headers=given.expose_headers,
        allow_credentials=given.allow_credentials,
        max_age=given.max_age_seconds,
    )
