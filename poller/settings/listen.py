"""The address the daemon listens on: ``host:port``, and who reaches it."""

from __future__ import annotations

import ipaddress

_MOST_PORT = 65535


def listen_address(text: str) -> tuple[str, int]:
    """Split ``127.0.0.1:9870``, ``[::1]:9870`` or ``localhost:0`` into host and port.

    Raises ``ValueError`` with a sentence when it is none of these.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > _MOST_PORT:
        raise ValueError(f"expected address:port, like 127.0.0.1:9870, not {text!r}")
    bare = host.removeprefix("[").removesuffix("]")
    if bare == "localhost":
        return bare, int(port)
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        raise ValueError(f"{host!r} is no IP address; write 127.0.0.1 or [::1]") from None
    if (address.version == 6) != host.startswith("["):  # noqa: PLR2004 - IPv6 is a name, not a magic number
        raise ValueError(f"{host!r} is no IP address; IPv6 ones stand in brackets, others do not")
    return bare, int(port)


def is_loopback(host: str) -> bool:
    """Whether only this host's own programs reach what listens at an address that ``listen_address`` returned."""
    return host == "localhost" or ipaddress.ip_address(host).is_loopback
