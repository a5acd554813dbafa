"""The HTTP port's settings: who may reach it only where something asks who they are, and TLS with files that are there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from poller.settings.listen import is_loopback, listen_address
from poller.settings.model import HttpSettings
from poller.settings.nodes import Keys
from poller.settings.problems import Finding


def check_http(http: HttpSettings, sound: Callable[[Keys], bool]) -> Iterator[Finding]:
    """Everything that does not hold."""
    if sound(("http", "listen")):
        yield from _listen(http, sound)
    if http.tls is None:
        return
    for name in ("certificate", "private_key", "client_ca"):
        keys = ("http", "tls", name)
        path = getattr(http.tls, name)
        if sound(keys) and path and not (Path(path).is_file() and os.access(path, os.R_OK)):
            yield Finding(keys, f"{path} is no file that can be read")


def _listen(http: HttpSettings, sound: Callable[[Keys], bool]) -> Iterator[Finding]:
    try:
        host, _ = listen_address(http.listen)
    except ValueError as error:
        yield Finding(("http", "listen"), str(error))
        return
    asks = bool(http.keys) or (http.tls is not None and bool(http.tls.client_ca))
    if not is_loopback(host) and not asks and sound(("http", "keys")) and sound(("http", "tls")):
        sentence = f"{host} can be reached from elsewhere, and nothing asks who comes"
        yield Finding(("http", "listen"), sentence, "give http.keys, or http.tls with client_ca")
