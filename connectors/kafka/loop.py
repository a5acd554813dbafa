"""The client's own event loop: started, called from asyncio, ended.

kafka-python is asynchronous inside, on a loop of its own in a thread of its own; its public methods block the caller until that loop
has done the work. Here the work itself is put on that loop, so that there is one thread for each source and nothing waits for another
thread in between. Measured (records a second of one consumer, two processors, against a loop around ``poll``): at one record a poll as
many as the bare loop, where a second thread that polls had less than half; from a hundred on no difference.

What runs on the client's loop is named ``..._there``. Nothing else touches the client.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import weakref
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from kafka import errors as client
from kafka.net.compat import KafkaNetClient
from kafka.net.inet import KafkaNetSocket, create_connection
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport
from kafka.protocol.schemas.fields.codecs import EncodeBuffer, EncodeBufferPool

from connectors.contract import Unreachable

LONGEST_ANSWER = (
    100_000_000  # bytes; a fetch is answered with 50 MB and one batch of records at most, by Kafka's defaults
)
RECEIVE_BYTES = 256 * 1024
REQUEST_BYTES = 1024  # of most requests of a reader
CONNECT_SECONDS = 10.0  # for a connection, TLS and login included
ANSWER_SECONDS = 10.0
ANSWERS = 3  # about a topic: one that was under way may not have been asked for it
DIRECT = "direct"  # the client finds kinds of sockets by the scheme of a proxy's URL
_numbers = itertools.count(1)


class ClientLoop:
    """One client: its loop, its thread, its connections. Made and used in a running asyncio loop.

    outage: called on the client's loop with the error, whenever a connection broke and none is left, or what came was no Kafka.
    """

    def __init__(self, config: Mapping[str, Any], outage: Callable[[Exception], None]) -> None:
        self.client = new_client(config, outage)
        self.manager = self.client._manager  # noqa: SLF001 - the client has no public way to its parts
        self._net = self.client._net  # noqa: SLF001 - the client offers no other way (as of 3.0.12)
        self._home = asyncio.get_running_loop()
        self._waiting: set[asyncio.Future[Any]] = set()
        self._net.start()
        self.do(_write_small)

    def call(self, work: Callable[[], Awaitable[Any]]) -> asyncio.Future[Any]:
        """Run a coroutine function there, and return a future of its result here. Cancelling the future leaves the work running.

        Ends with ``Unreachable`` when the loop is closed meanwhile.
        """
        future: asyncio.Future[Any] = self._home.create_future()
        self._waiting.add(future)
        future.add_done_callback(self._waiting.discard)

        async def run() -> None:
            try:
                result = await work()
            except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to whoever waits
                self.tell(_settle, future, None, error)
            else:
                self.tell(_settle, future, result, None)

        self.do(run)
        return future

    def do(self, work: Callable[[], Any]) -> None:
        """Run a function or a coroutine function there. Nothing happens when the loop is closed."""
        with contextlib.suppress(RuntimeError):
            self._net.call_soon_threadsafe(work)

    def tell(self, act: Callable[..., object], *arguments: object) -> None:
        """From there: call a function here. Calls keep their order."""
        with contextlib.suppress(RuntimeError):  # this loop has ended: nobody wants to know
            self._home.call_soon_threadsafe(act, *arguments)

    def give_up(self, error: Exception) -> None:
        """End what is waited for: the client would try again by itself."""
        for future in list(self._waiting):
            _settle(future, None, error)

    async def connect(self) -> None:
        """Reach one of the bootstrap servers and learn the cluster from it. Raises errors of the client, one for each server as a group."""
        await self.call(self._connect_there)

    async def know_there(self, topic: str) -> None:
        """Learn of a topic, and of no other. Raises errors of the client."""
        cluster = self.manager.cluster
        cluster.set_topics([topic])
        for _ in range(ANSWERS):
            await self.manager.wait_for(cluster.request_update(), ANSWER_SECONDS * 1000)
            if cluster.partitions_for_topic(topic) is not None:
                return
        raise client.UnknownTopicOrPartitionError(topic)

    async def close(self) -> None:
        """End connections and thread; whoever still waits gets ``Unreachable``. Never raises. Idempotent."""
        self.give_up(Unreachable("the connection is being closed"))
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        with contextlib.suppress(Exception):  # a loop that has crashed closes nothing any more
            self._net.run(self.manager.close)
        self.client.close()

    async def _connect_there(self) -> None:
        errors: list[Exception] = []
        for broker in self.manager.cluster.bootstrap_brokers():
            connection = self.manager.get_connection(
                broker.node_id,
                timeout_ms=CONNECT_SECONDS * 1000,
                pop_on_close=False,
                refresh_metadata_on_err=False,
                reset_backoff_on_connect=True,
            )
            try:
                await self.manager.wait_for(connection.init_future, CONNECT_SECONDS * 1000)
            except Exception as error:  # noqa: BLE001 - of the client, the system, TLS, the token endpoint
                errors.append(error)
                continue
            # its own way to begin does not tell what went wrong, so it has a connection that works already
            await self.manager.bootstrap_async(CONNECT_SECONDS * 1000)
            return
        raise ExceptionGroup("no broker", errors)


async def look_for(config: Mapping[str, Any], topic: str) -> None:
    """Look whether a topic is there; what blocks would wait for brokers and topics without a word. Raises errors of the client."""
    loop = ClientLoop(config, lambda error: loop.tell(loop.give_up, error))
    try:
        await loop.connect()
        await loop.call(lambda: loop.know_there(topic))
    finally:
        await loop.close()


def new_client(config: Mapping[str, Any], outage: Callable[[Exception], None]) -> Any:
    """Return a client whose loop does not run yet."""
    name = f"pollerd-{next(_numbers)}"
    net = NetworkSelector(client_id=name, slow_task_threshold_secs=0)
    manager = _Connections(net, outage, client_id=name, receive_message_max_bytes=LONGEST_ANSWER, **config)
    return _Client(net=net, manager=manager)


class _Client(KafkaNetClient):  # type: ignore[misc] # the client has no types
    """The client; what it leaves to its loop to close, though that has ended, is closed all the same."""

    def close(self, node_id: Any = None) -> None:
        super().close(node_id)
        if node_id is None:
            self._manager.drop()


class _Direct(KafkaNetSocket):  # type: ignore[misc] # the client has no types
    """Sockets as the client's own; one that does not get connected is closed, which the client leaves to chance (as of 3.0.12)."""

    SCHEMES = (DIRECT,)

    async def sock_connect(self, net: Any, sock: socket.socket, address: Any, timeout_at: float | None = None) -> Any:
        try:
            return await super().sock_connect(net, sock, address, timeout_at=timeout_at)
        except BaseException:
            sock.close()
            raise


class _LastWords:
    """What came is read before the end of the connection is; the client drops it (as of 3.0.12), and with it why a login failed."""

    def _sock_recv(self) -> tuple[bytes, Exception | None]:
        data, error = super()._sock_recv()  # type: ignore[misc]  # kafka-python ships no types
        return data, None if data else error


class _Wide(socket.socket):
    """The client reads 4 KB at a time (as of 3.0.12), and after each it has to wait until its thread may go on."""

    @classmethod
    def of(cls, sock: socket.socket) -> _Wide:
        """The same connection."""
        wide = cls(sock.family, sock.type, sock.proto, fileno=sock.detach())
        wide.setblocking(False)
        return wide

    def recv(self, size: int, flags: int = 0) -> bytes:
        return super().recv(max(size, RECEIVE_BYTES), flags)


class _Tcp(_LastWords, KafkaTCPTransport):  # type: ignore[misc] # the client has no types
    pass


class _Tls(_LastWords, KafkaSSLTransport):  # type: ignore[misc] # the client has no types
    pass


class _Connections(KafkaConnectionManager):  # type: ignore[misc] # the client has no types
    """The client's connections; tells when the last one is lost."""

    def __init__(self, net: NetworkSelector, outage: Callable[[Exception], None], **config: Any) -> None:
        super().__init__(net, **config)
        self._outage = outage
        self._transports: weakref.WeakSet[Any] = weakref.WeakSet()
        self.cluster.config["allow_auto_create_topics"] = (
            False  # the manager passes no option on, and its default makes topics
        )

    def get_connection(self, node_id: Any, *arguments: Any, **more: Any) -> Any:
        known = self._conns.get(node_id)
        connection = super().get_connection(node_id, *arguments, **more)
        if connection is not known:
            connection.close_future.add_errback(self._lost)
        return connection

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        """As the client's own, which waits without end for a handshake, and leaves what fails open (as of 3.0.12)."""
        options = self.config["socket_options"]
        sock = await create_connection(self._net, node.host, node.port, options, f"{DIRECT}://", timeout_at)
        kind = _Tls if self.ssl_enabled else _Tcp
        sock = sock if self.ssl_enabled else _Wide.of(sock)
        context = {"ssl_context": self.config["ssl_context"]} if self.ssl_enabled else {}
        transport = kind(self._net, sock, host=node.host, **context)
        self._transports.add(transport)
        try:
            await self.wait_for(self.call_soon(transport.handshake), CONNECT_SECONDS * 1000)
        except BaseException as error:
            transport.abort(error)
            raise
        return transport

    def drop(self) -> None:
        """Close what is open, once the loop has ended."""
        for transport in self._transports:
            if transport._sock is not None:  # noqa: SLF001 - the client has no public way to it
                transport._sock.close()  # noqa: SLF001 - the client offers no other way (as of 3.0.12)

    def _lost(self, error: Exception) -> None:
        left = any(connection.connected for connection in self._conns.values())
        if not self.closed and (not left or isinstance(error, client.KafkaProtocolError)):
            self._outage(error)


def _write_small() -> None:
    """Requests are written into one buffer a thread, which grows to the largest; the client begins with 64 KB (as of 3.0.12)."""
    EncodeBufferPool._local.buf = EncodeBuffer(REQUEST_BYTES)  # noqa: SLF001 - the client has no public way to it


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
        future.exception()  # seen: whoever waited may have gone
