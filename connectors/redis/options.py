"""Which server, and as whom: the options all Redis sources share, and what they come to. No client library and no I/O but local files."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from connectors.contract import OptionsError

SECRET = {"secret": True}
HOST = "127.0.0.1"
PORT = 6379
SENTINEL_PORT = 26379
SCHEMES = {"redis": False, "valkey": False, "rediss": True, "valkeys": True}
"""Scheme of a URL -> whether it means TLS."""

Address = tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class RedisOptions:
    """Which Redis or Valkey server, 6.2 or newer, and as whom."""

    url: str = field(default="", repr=False, metadata=SECRET)
    """redis://user:password@host:6379/0, rediss:// with TLS; also valkey://, valkeys://. It stands for host, port, database, username,
    password and tls; a secret, since it may hold a password. Empty: those options."""
    host: str = field(default=HOST, metadata={"example": HOST})
    """Name or address of the server."""
    port: int = field(default=PORT, metadata={"minimum": 1, "maximum": 65535})
    """TCP port of the server."""
    nodes: tuple[str, ...] = ()
    """Several servers as host:port, asked in turn: the sentinels, or some nodes of the cluster. Empty: host and port."""
    cluster: bool = False
    """Whether the server is a node of a Redis Cluster. All that one source uses lies in one hash slot; the node that has it is found."""
    sentinel: str = ""
    """Name of the master that sentinels watch over; nodes (or host and port) are then sentinels. Empty: no Sentinel."""
    database: int = field(default=0, metadata={"minimum": 0})
    """Number of the database; a cluster has only 0."""
    username: str = ""
    """User of the server's access control list. Empty: default."""
    password: str = field(default="", repr=False, metadata=SECRET)
    """Password of that user, or of the server (requirepass)."""
    sentinel_username: str = ""
    """User of the sentinels themselves, which have access control of their own."""
    sentinel_password: str = field(default="", repr=False, metadata=SECRET)
    """Password of the sentinels."""
    tls: bool = False
    """Whether connections are encrypted, those to sentinels and between nodes of a cluster too."""
    ca_file: str = field(default="", metadata={"path": True})
    """Certificates (PEM) of authorities that may vouch for the server. Empty: the system's."""
    certificate_file: str = field(default="", metadata={"path": True})
    """Our own certificate (PEM), for servers that ask clients for one (tls-auth-clients)."""
    key_file: str = field(default="", repr=False, metadata={"path": True})
    """Key (PEM, not encrypted) of certificate_file."""
    check_hostname: bool = True
    """Whether the server's certificate must be made out to the name or address that is connected to."""


@dataclass(frozen=True)
class Tls:
    """How connections are encrypted. Files "": the system's authorities, no certificate of our own, its key in the same file."""

    ca_file: str
    certificate_file: str
    key_file: str
    check_hostname: bool

    def context(self) -> ssl.SSLContext:
        """One for all connections of a source: with the system's authorities it takes a megabyte. Reads files; raises as ``show``."""
        context = ssl.create_default_context(cafile=self.ca_file or None)
        context.check_hostname = self.check_hostname
        self.show(context)
        return context

    def show(self, context: ssl.SSLContext) -> None:
        """Let it show our certificate, if we have one. Raises OSError (a file that is not there) or ValueError (one that is nonsense)."""
        if self.certificate_file:  # without a password one with an encrypted key would ask at the terminal
            context.load_cert_chain(self.certificate_file, self.key_file or None, password="")


@dataclass(frozen=True)
class Target:
    """What the options come to. addresses: servers, sentinels or nodes of a cluster. tls: None without encryption."""

    addresses: tuple[Address, ...]
    database: int
    username: str
    password: str = field(repr=False)
    tls: Tls | None
    cluster: bool
    sentinel: str
    sentinel_username: str
    sentinel_password: str = field(repr=False)

    @property
    def name(self) -> str:
        """For people."""
        first = spelt(self.addresses[0])
        if self.sentinel:
            return f"Redis master {self.sentinel}"
        return f"Redis cluster at {first}" if self.cluster else f"Redis at {first}"


def resolve(options: RedisOptions) -> Target:
    """Check the options and settle what they mean. Raises ``OptionsError``; no message repeats a secret."""
    _check_places(options)
    port = SENTINEL_PORT if options.sentinel and options.port == PORT else options.port
    address, database, username, password, tls = (options.host, port), options.database, "", "", options.tls
    if options.url:
        address, database, username, password, tls = _of_url(options)
    if not tls:
        _check_unencrypted(options)
    if database and options.cluster:
        raise OptionsError("database", "a cluster has no databases but 0")
    for name, said in (("username", username), ("password", password)):
        if said and getattr(options, name):
            raise OptionsError(name, "stands in the URL, too: leave one of them out")
    return Target(
        addresses=tuple(_address(text) for text in options.nodes) or (address,),
        database=database,
        username=username or options.username,
        password=password or options.password,
        tls=_tls(options) if tls else None,
        cluster=options.cluster,
        sentinel=options.sentinel,
        sentinel_username=options.sentinel_username,
        sentinel_password=options.sentinel_password,
    )


def spelt(address: Address) -> str:
    """host:port."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _check_places(options: RedisOptions) -> None:
    """Whether what says where the server is says it once, and means something."""
    alone = (options.host, options.port) == (HOST, PORT)
    if options.sentinel and options.cluster:
        raise OptionsError("cluster", "is a set-up of its own: leave out sentinel, or cluster")
    if options.url and (not alone or options.nodes or options.database):
        raise OptionsError("url", "stands for host, port, nodes and database: leave those out, or the URL")
    if options.nodes and not alone:
        raise OptionsError("nodes", "stand for host and port: leave those out")
    if len(options.nodes) > 1 and not (options.sentinel or options.cluster):
        raise OptionsError(
            "nodes", "several are sentinels (sentinel: NAME) or nodes of a cluster (cluster: true); say which"
        )
    for name in ("sentinel_username", "sentinel_password"):
        if getattr(options, name) and not options.sentinel:
            raise OptionsError(name, "is for sentinels: name the master that they watch over (sentinel: NAME)")


def _of_url(options: RedisOptions) -> tuple[Address, int, str, str, bool]:
    example = "redis://127.0.0.1:6379/0"
    try:
        parts = urlsplit(options.url)
        port = parts.port or (SENTINEL_PORT if options.sentinel else PORT)
    except ValueError:
        raise OptionsError("url", f"is no URL such as {example}") from None  # its own error repeats what it read
    if parts.scheme not in SCHEMES or not parts.hostname or parts.query or parts.fragment:
        raise OptionsError("url", f"is no URL such as {example}; known schemes are {', '.join(SCHEMES)}")
    database = parts.path.strip("/") or "0"
    if not database.isdecimal():
        raise OptionsError("url", f"its path is the number of a database, as in {example}")
    address = (parts.hostname, port)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return address, int(database), user, password, SCHEMES[parts.scheme] or options.tls


def _address(text: str) -> Address:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port or "@" in text:
        raise OptionsError("nodes", "each is a host:port, such as 127.0.0.1:6379")
    return host, port


def _tls(options: RedisOptions) -> Tls:
    """Raises ``OptionsError`` unless the files can be read and belong together."""
    tls = Tls(options.ca_file, options.certificate_file, options.key_file, options.check_hostname)
    if tls.key_file and not tls.certificate_file:
        raise OptionsError("key_file", "certificate_file and key_file go together")
    if tls.ca_file:
        _try("ca_file", tls.ca_file, lambda: ssl.create_default_context(cafile=tls.ca_file))
    _try("certificate_file", tls.certificate_file, lambda: tls.show(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)))
    return tls


def _try(option: str, file: str, read: Callable[[], object]) -> None:
    try:
        read()
    except (OSError, ValueError) as error:  # SSLError is an OSError
        reason = "it cannot be used: no PEM, or key and certificate do not match"
        raise OptionsError(option, f"{file}: {reason if Path(file).exists() else 'there is no such file'}") from error


def _check_unencrypted(options: RedisOptions) -> None:
    for name in ("ca_file", "certificate_file", "key_file", "check_hostname"):
        if getattr(options, name) != getattr(RedisOptions, name):
            raise OptionsError(name, "is for encrypted connections: set tls: true, or use rediss:// in the URL")
