"""The Telemetry API and the Logs API of one environment, and what its driver tells them.

What a driver does: ``tell`` each fact as it happens, ``close_subscriptions`` when INIT is over, ``flush`` when runtime and extensions are
all back, ``drain`` before the processes get SIGKILL, ``close`` after. While nobody has subscribed, ``tell`` costs a comparison once INIT
is over.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from poller.execution.extensions.api import ExtensionsApi
from poller.execution.listener.replies import JSON, not_found, refuse
from poller.execution.telemetry.delivery import Dial
from poller.execution.telemetry.facts import Fact, Subscribed
from poller.execution.telemetry.records import LOGS_SCHEMAS, TELEMETRY_SCHEMAS
from poller.execution.telemetry.subscriber import Subscriber
from poller.execution.telemetry.subscription import Invalid, read
from poller.wire.http import Exchange, Request, response

DRAIN_SECONDS = 1.0
"""What a last flush may take."""
REPLAYED = 10_000
"""Facts of an INIT that are kept for who subscribes later in it."""

_OK = response(200, [JSON], b'"OK"')


class TelemetryApi:
    """Subscribers of one environment. dial: see ``delivery.Dial``. schemas: that they may ask for."""

    prefix = b"/2022-07-01/telemetry"

    def __init__(self, extensions: ExtensionsApi, dial: Dial, schemas: tuple[str, ...] = TELEMETRY_SCHEMAS) -> None:
        self._extensions = extensions
        self._schemas = schemas
        self._dial = dial
        self._subscribers: dict[str, Subscriber] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self.subscribed: Callable[[Subscribed, str], None] | None = None
        """Called with each new subscription and its schema: the environment's log has a line for it."""
        self.logs = LogsApi(self)
        self.reset()

    def reset(self) -> None:
        """The processes are about to be started anew; they subscribe again."""
        for subscriber in self._subscribers.values():
            self._close_soon(subscriber)
        self._subscribers = {}
        self._init: list[tuple[Fact, float]] = []
        self._open = True

    def runtime_ready(self) -> None:
        """INIT goes on until the extensions are ready too."""

    @property
    def listening(self) -> bool:
        """Whether anything told is kept: somebody has subscribed, or still may."""
        return self._open or bool(self._subscribers)

    def tell(self, fact: Fact, at: float | None = None) -> None:
        """Something has happened. at: seconds since the epoch; now, if not given. Never waits, never raises."""
        if not self.listening:
            return
        at = time.time() if at is None else at
        if self._open and len(self._init) < REPLAYED:
            self._init.append((fact, at))
        for subscriber in self._subscribers.values():
            subscriber.tell(fact, at)

    def close_subscriptions(self) -> None:
        """INIT is over."""
        self._open = False
        self._init = []

    def flush(self) -> None:
        """Everybody is back: deliver what waits. Returns at once."""
        for subscriber in self._subscribers.values():
            subscriber.flush()

    async def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Deliver what waits, as far as the time allows."""
        if not self._subscribers:
            return
        tasks = {asyncio.create_task(one.drain(), name="telemetry drain") for one in self._subscribers.values()}
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    async def close(self) -> None:
        """Deliver no more."""
        self.reset()
        self.close_subscriptions()
        if self._closing:
            await asyncio.wait(set(self._closing))

    def on_call(self, request: Request, exchange: Exchange) -> None:
        """A subscription to telemetry."""
        self.subscribe(request, exchange, path=self.prefix, logs=False)

    def subscribe(self, request: Request, exchange: Exchange, *, path: bytes, logs: bool) -> None:
        """One call to either API, which differ in their words only."""
        api, prefix = ("Logs", "Logs.") if logs else ("Telemetry", "")
        if request.path != path or request.method != b"PUT":
            not_found(exchange)
            return
        extension = self._extensions.identified(request, exchange)
        if extension is None:
            return
        if not self._open:
            refuse(exchange, 403, f"{api}.SubscriptionClosed", f"{api} API subscription is closed")
            return
        try:
            subscription = read(request.body, logs=logs, schemas=self._schemas)
            if any((one.subscription.schema in LOGS_SCHEMAS) is not logs for one in self._subscribers.values()):
                raise Invalid("an environment uses either the Telemetry API or the Logs API, not both")  # noqa: TRY301  # refused where all refusals are
        except Invalid as error:
            refuse(exchange, 400, f"{prefix}ValidationError", str(error))
            return
        known = self._subscribers.get(extension.name)
        if known is None or known.subscription != subscription:
            if known is not None:
                self._close_soon(known)
            self._add(Subscriber(extension.name, subscription, self._dial))
        exchange.send(_OK)

    def _add(self, subscriber: Subscriber) -> None:
        """Tell a new subscriber what it missed, then everybody of it."""
        self._subscribers[subscriber.name] = subscriber
        for fact, at in self._init:
            subscriber.tell(fact, at)
        fact = Subscribed(name=subscriber.name, types=list(subscriber.subscription.types))
        self.tell(fact)
        if self.subscribed is not None:
            self.subscribed(fact, subscriber.subscription.schema)

    def _close_soon(self, subscriber: Subscriber) -> None:
        task = asyncio.get_running_loop().create_task(subscriber.close(), name=f"end of telemetry to {subscriber.name}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class LogsApi:
    """The older API's path; the subscribers are the same."""

    prefix = b"/2020-08-15/logs"

    def __init__(self, telemetry: TelemetryApi) -> None:
        self._telemetry = telemetry

    def on_call(self, request: Request, exchange: Exchange) -> None:
        """A subscription to logs."""
        self._telemetry.subscribe(request, exchange, path=self.prefix, logs=True)

    def runtime_ready(self) -> None:
        """Nothing follows."""

    def reset(self) -> None:
        """Nothing is kept here."""
