"""The one server that has what a source uses: found, connected, asked. Not a connector.

Three rules hold here:

1. The client never tries again by itself, and answers come as the server gives them: flat lists of bytes.
2. Which server that is, is asked anew by every ``connect``; one that is no longer it says so, and counts as unreachable.
3. A call that was cancelled or took too long costs its connection: what comes late must never answer another call.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from hiredis import pack_command
from redis.asyncio import Connection, ConnectionPool, Redis, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import NoScriptError

from connectors.contract import Missing, Refused, SourceError, Unreachable
from connectors.redis.errors import translate
from connectors.redis.options import Address, Target, spelt

ANSWER_SECONDS = 10.0
"""The longest that a server may take for an answer; what it was told to wait comes on top."""
CONNECT_SECONDS = 5.0
"""Of one address: a sentinel that is away must leave time for the next."""

Finder = Callable[[Any, Address], Awaitable[Address]]
"""Asks a client of the address for the server that is wanted."""


class Script:
    """Lua that a server runs as one step. Its answer is what it returns."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class _Packing:
    """Commands are put together by hiredis, as the client's other connections do: XACK of a thousand ids takes it 0.08 ms, Python 1.2."""

    def pack_command(self, *words: Any) -> list[bytes]:
        return [pack_command(words)]


class _Plain(_Packing, Connection):
    pass


class _Encrypted(_Packing, SSLConnection):
    """A connection with a context that others have, too."""

    def __init__(self, *, context: ssl.SSLContext, **more: Any) -> None:
        super().__init__(**more)
        self.ssl_context.context = context


class Server:
    """Where ``key`` lives. resource: what it is to people, as in "stream orders"."""

    def __init__(self, target: Target, key: str, resource: str) -> None:
        self._target = target
        self._key = key
        self._resource = resource
        self._client: Any = None
        self._context: ssl.SSLContext | None = None

    @property
    def name(self) -> str:
        """For people."""
        return self._target.name

    async def connect(self) -> None:
        """Find the server and see that it answers. Raises ``SourceError``; then nothing is left open."""
        await self.close()
        self._context = self._certificates()
        if self._target.sentinel:
            address = await self._first(self._master)
        elif self._target.cluster:
            address = await self._first(self._node)
        else:
            address = self._target.addresses[0]
        self._client = self._make(address)
        try:
            await self.ask("PING")
        except BaseException:
            await self.close()
            raise

    async def ask(self, *command: Any, wait: float = 0) -> Any:
        """One command's answer. wait: seconds that the command itself may block. Raises ``SourceError``, whatever the client raises."""
        client = self._opened()
        try:
            async with asyncio.timeout(wait + ANSWER_SECONDS):
                return await client.execute_command(*command)
        except Exception as error:  # all of them: of a closed connection the client raises anything
            raise self.translated(error) from error

    async def run(self, script: Script, keys: Sequence[str], *arguments: Any) -> Any:
        """A script's answer."""
        client = self._opened()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                try:
                    return await client.execute_command("EVALSHA", script.digest, len(keys), *keys, *arguments)
                except NoScriptError:  # a server started since forgets scripts
                    return await client.execute_command("EVAL", script.text, len(keys), *keys, *arguments)
        except Exception as error:  # as in ask
            raise self.translated(error) from error

    async def connection(self) -> Any:
        """A connection of one's own, as the client makes them, for what is no question and answer."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._opened().connection_pool.get_connection()
        except Exception as error:  # as in ask
            raise self.translated(error) from error

    def translated(self, error: Exception) -> SourceError:
        """The error as the engine knows it."""
        if self._client is None:
            return Unreachable(f"{self._resource} was closed meanwhile")
        return translate(error, server=self.name, resource=self._resource)

    async def close(self) -> None:
        """Disconnect. Calls under way end with ``Unreachable``."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):  # one that broke already says so
                await client.aclose()

    def _certificates(self) -> ssl.SSLContext | None:
        """Read anew by each ``connect``, since certificates are renewed while daemons run."""
        try:
            return self._target.tls.context() if self._target.tls else None
        except (OSError, ValueError) as error:
            raise Refused(f"the certificates for {self.name} cannot be read: {error}") from error

    def _opened(self) -> Any:
        if self._client is None:
            raise Unreachable(f"{self._resource} is not open")
        return self._client

    def _make(self, address: Address, *, sentinel: bool = False) -> Any:
        target = self._target
        kind: dict[str, Any] = {"connection_class": _Plain}
        if self._context:
            kind = {"connection_class": _Encrypted, "context": self._context}
        pool: Any = ConnectionPool(
            host=address[0],
            port=address[1],
            db=0 if sentinel else target.database,
            username=(target.sentinel_username if sentinel else target.username) or None,
            password=(target.sentinel_password if sentinel else target.password) or None,
            socket_timeout=None,  # a blocking read has no other limit than ours
            socket_connect_timeout=CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 0),  # the engine tries again, and tells
            protocol=2,
            driver_info=None,  # two commands of every connection that nobody reads
            **kind,
        )
        client: Any = Redis.from_pool(pool)
        client.response_callbacks = {}
        return client

    async def _first(self, find: Finder) -> Address:
        """What the first of the addresses that can tell says. Raises the last one's ``SourceError``."""
        for address in self._target.addresses[:-1]:
            with suppress(SourceError):
                return await self._ask_there(address, find)
        return await self._ask_there(self._target.addresses[-1], find)

    async def _ask_there(self, address: Address, find: Finder) -> Address:
        client = self._make(address, sentinel=bool(self._target.sentinel))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await find(client, address)
        except Exception as error:
            where = f"{'sentinel' if self._target.sentinel else 'node'} {spelt(address)}"
            raise translate(error, server=where, resource=self._resource) from error
        finally:
            with suppress(Exception):
                await client.aclose()

    async def _master(self, client: Any, address: Address) -> Address:
        found = await client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._target.sentinel)
        if not found:
            raise Missing(f"sentinel {spelt(address)} knows no master {self._target.sentinel}")
        return found[0].decode(), int(found[1])

    async def _node(self, client: Any, address: Address) -> Address:
        """Of ``CLUSTER SLOTS``: a node whose name is not known goes by that of the node asked (Redis commands, CLUSTER SLOTS)."""
        slot = key_slot(self._key.encode())
        for first, last, master, *_ in await client.execute_command("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return (master[0].decode() if master[0] else address[0]), int(master[1])
        raise Unreachable(f"no node of the cluster at {spelt(address)} has hash slot {slot} of {self._resource}")
