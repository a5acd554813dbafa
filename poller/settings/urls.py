"""What must hold of the functions' URLs together. Limits are the service's (Lambda API reference, Cors)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from poller.settings.listen import listen_address
from poller.settings.model import CorsSettings, Settings, UrlSettings
from poller.settings.nodes import Keys
from poller.settings.problems import Finding

_MOST = {"allow_origins": 100, "allow_methods": 6, "allow_headers": 100, "expose_headers": 100}
_LONGEST = {"allow_origins": 253, "allow_headers": 1024, "expose_headers": 1024}


class Place(NamedTuple):
    """A URL of the configuration. qualifier: the alias, "" for the function itself."""

    keys: Keys
    function: str
    qualifier: str
    url: UrlSettings


def configured(settings: Settings, sound: Callable[[Keys], bool] = lambda _: True) -> Iterator[Place]:
    """Every URL, that of a function before those of its aliases. sound: whether the value at these keys could be read."""
    for name, function in settings.functions.items():
        keys: Keys = ("functions", name)
        if sound((*keys, "url")) and function.url is not None:
            yield Place((*keys, "url"), name, "", function.url)
        if sound((*keys, "aliases")):
            for alias, to in function.aliases.items():
                at = (*keys, "aliases", alias, "url")
                if sound(at) and to.url is not None:
                    yield Place(at, name, alias, to.url)


def check_urls(settings: Settings, sound: Callable[[Keys], bool]) -> Iterator[Finding]:
    """Findings about addresses, ports and CORS. sound: whether the value at these keys could be read."""
    taken: dict[int, str] = {}
    if sound(("http", "listen")):
        taken |= _port(settings.http.listen, "http.listen")
    if sound(("function_urls", "listen")):
        try:
            listen_address(settings.function_urls.listen)
        except ValueError as error:
            yield Finding(("function_urls", "listen"), str(error))
        taken |= _port(settings.function_urls.listen, "function_urls.listen")
    for place in configured(settings, sound):
        unknown = sound((*place.keys, "auth_type")) and sound(("http", "keys")) and not settings.http.keys
        if unknown and place.url.auth_type == "AWS_IAM":
            yield Finding(
                (*place.keys, "auth_type"), "nobody could call it: there is no access key", "http.keys has them"
            )
        port = place.url.port
        if port is not None and sound((*place.keys, "port")):
            if port in taken:
                yield Finding((*place.keys, "port"), f"port {port} is taken by {taken[port]}", "name another one")
            taken.setdefault(port, ".".join(map(str, place.keys)))
        if place.url.cors is not None and sound((*place.keys, "cors")):
            yield from _cors((*place.keys, "cors"), place.url.cors)


def _port(address: str, place: str) -> dict[int, str]:
    port = address.rpartition(":")[2]
    return {int(port): place} if port.isascii() and port.isdigit() and int(port) else {}


def _cors(keys: Keys, cors: CorsSettings) -> Iterator[Finding]:
    for name, most in _MOST.items():
        given = getattr(cors, name)
        if len(given) > most:
            yield Finding((*keys, name), f"{len(given)} items are more than {most}")
        longest = _LONGEST.get(name)
        for at, value in enumerate(given):
            if longest and (not value.isascii() or not value.isprintable() or not 0 < len(value) <= longest):
                yield Finding((*keys, name, at), f"expected 1 to {longest} ASCII characters, not {value!r}")
