"""The Extensions API of one environment (Lambda DG, Lambda Extensions API; runtime interface emulator for what the guide leaves out).

External extensions are those whose names ``expect`` was given (file names in /opt/extensions); every other one is internal.

What a driver does, in order: ``RuntimeApi.reset`` (which resets this too), ``expect`` and launch the externals, wait for ``registered``,
start the runtime, wait for ``RuntimeApi.ready`` and ``ready``; for each event ``invoke`` beside ``RuntimeApi.deliver``, and the environment
is free again when the runtime is back and ``invoke``'s future is done; at the end ``shutdown``. ``failed`` may come at any time.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import orjson

from poller.execution.contract import Invocation
from poller.execution.extensions.extension import INVOKE, SHUTDOWN, Extension, invoke_event, shutdown_event
from poller.execution.extensions.states import ExtensionCall, ExtensionState, extension_refusal
from poller.execution.listener.replies import ACCEPTED, JSON, not_found, refuse
from poller.wire.http import Exchange, Request, response

MAX_EXTENSIONS = 10
"""Of both kinds together (Lambda DG, Lambda Extensions API)."""

NAME = b"lambda-extension-name"
IDENTIFIER = b"lambda-extension-identifier"
FEATURES = b"lambda-extension-accept-feature"
ERROR_TYPE = b"lambda-extension-function-error-type"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What an extension learns of its function when it registers. account_id: told to those who ask for it."""

    function_name: str
    function_version: str
    handler: str
    account_id: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """An extension gave up. kind: ``Extension.InitError`` or ``Extension.ExitError``, the environment's error; error_type: its own word."""

    extension: str
    kind: str
    error_type: str
    body: bytes


class ExtensionsApi:
    """The extensions of one environment. told_of_invocations: else there is no event INVOKE (Lambda Managed Instances)."""

    prefix = b"/2020-01-01/extension/"

    def __init__(self, about: About, *, told_of_invocations: bool = True) -> None:
        self._about = about
        self._told_of_invocations = told_of_invocations
        self.reset()

    def reset(self) -> None:
        """The processes are about to be started anew."""
        loop = asyncio.get_running_loop()
        self._by_identifier: dict[str, Extension] = {}
        self._by_name: dict[str, Extension] = {}
        self._open = True
        self._busy: set[Extension] = set()
        self._idle: asyncio.Future[None] | None = None
        self.registered: asyncio.Future[None] = loop.create_future()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.failed: asyncio.Future[Failure] = loop.create_future()

    @property
    def some(self) -> bool:
        """Whether any is known."""
        return bool(self._by_name)

    @property
    def extensions(self) -> Collection[Extension]:
        """All that are known, launched ones first."""
        return self._by_name.values()

    def expect(self, externals: Iterable[str]) -> None:
        """These are about to be launched; ``registered`` is done once all of them have registered, at once if there are none.

        Raises ValueError for more than MAX_EXTENSIONS: the environment must not launch them (TooManyExtensions).
        """
        for name in externals:
            self._add(Extension(name, external=True))
        if len(self._by_name) > MAX_EXTENSIONS:
            raise ValueError(f"at most {MAX_EXTENSIONS} extensions")
        self._check_registered()

    def invoke(self, invocation: Invocation, deadline_ms: int) -> asyncio.Future[None] | None:
        """Tell those who subscribed to INVOKE. Returns what is done when all of them are back; None when there are none."""
        told = [extension for extension in self._by_name.values() if INVOKE in extension.events]
        if not told:
            return None
        self._busy = set(told)
        self._idle = asyncio.get_running_loop().create_future()
        event = invoke_event(invocation, deadline_ms)
        for extension in told:
            extension.tell(event)
        return self._idle

    def shutdown(self, reason: str, deadline_ms: int) -> set[str]:
        """Tell external ones that subscribed to SHUTDOWN; returns their names. The others need not be waited for."""
        told = [one for one in self._by_name.values() if one.external and SHUTDOWN in one.events]
        for extension in told:
            extension.tell(shutdown_event(reason, deadline_ms))
        return {extension.name for extension in told}

    def launch_failed(self, name: str, error_type: str) -> None:
        """An external one could not be started."""
        extension = self._by_name[name]
        if extension.moved(ExtensionCall.LAUNCH_ERROR):
            extension.error_type = error_type

    def exited(self, name: str, *, killed: bool = False) -> None:
        """The process of an external one has ended; killed: because it did not end when it was told to."""
        extension = self._by_name[name]
        extension.moved(ExtensionCall.KILLED if killed else ExtensionCall.GONE)
        extension.parked = None

    def runtime_ready(self) -> None:
        """The runtime has asked for its first event: nobody may register any more."""
        self._open = False
        self._check_ready()

    def identified(self, request: Request, exchange: Exchange) -> Extension | None:
        """The extension that calls; None when the call says no known one, which is refused then."""
        given = request.header(IDENTIFIER).decode("latin-1")
        if not given:
            refuse(exchange, 403, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
            return None
        try:
            identifier = str(uuid.UUID(given))
        except ValueError:
            refuse(exchange, 403, "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")
            return None
        extension = self._by_identifier.get(identifier)
        if extension is None:
            refuse(exchange, 403, "Extension.UnknownExtensionIdentifier", f"Unknown extension {identifier}")
        return extension

    def on_call(self, request: Request, exchange: Exchange) -> None:
        """Route one call."""
        call = (request.method, request.path[len(self.prefix) :])
        if call == (b"POST", b"register"):
            self._register(request, exchange)
        elif call == (b"GET", b"event/next"):
            self._next(request, exchange)
        elif call == (b"POST", b"init/error"):
            self._error(request, exchange, ExtensionCall.INIT_ERROR, "Extension.InitError")
        elif call == (b"POST", b"exit/error"):
            self._error(request, exchange, ExtensionCall.EXIT_ERROR, "Extension.ExitError")
        else:
            not_found(exchange)

    def _register(self, request: Request, exchange: Exchange) -> None:
        name = request.header(NAME).decode("latin-1")
        if not name:
            refuse(exchange, 403, "Extension.InvalidExtensionName", "Empty extension name")
            return
        try:
            events = _events(request.body)
        except ValueError as error:
            refuse(exchange, 403, "InvalidRequestFormat", str(error))
            return
        extension = self._by_name.get(name)
        external = extension is not None and extension.external
        for event in events:
            if reason := self._unfit(event, external=external):
                refuse(exchange, 403, "Extension.InvalidEventType", f"{event}: {reason}")
                return
        if extension is None or not external:
            extension = self._internal(name, exchange)
        if extension is not None:
            self._accept(extension, events, request, exchange)

    def _internal(self, name: str, exchange: Exchange) -> Extension | None:
        if not self._open:
            refuse(exchange, 403, "Extension.RegistrationClosed", "Extension registration closed already")
        elif name in self._by_name:
            refuse(exchange, 403, "Extension.InvalidExtensionState", "Extension with this name already registered")
        elif len(self._by_name) >= MAX_EXTENSIONS:
            text = f"Extension limit ({MAX_EXTENSIONS}) reached"
            refuse(exchange, 403, "Extension.TooManyExtensions", text)
        else:
            return self._add(Extension(name, external=False))
        return None

    def _accept(self, extension: Extension, events: list[str], request: Request, exchange: Exchange) -> None:
        if not self._open:
            refuse(exchange, 403, "Extension.RegistrationClosed", "Extension registration closed already")
            return
        if not self._moved(extension, ExtensionCall.REGISTER, exchange):
            return
        extension.events = tuple(dict.fromkeys(events))
        about = {
            "functionName": self._about.function_name,
            "functionVersion": self._about.function_version,
            "handler": self._about.handler,
        }
        wanted = {feature.strip() for feature in request.header(FEATURES).split(b",")}
        if b"accountId" in wanted and self._about.account_id:
            about["accountId"] = self._about.account_id
        identifier = (b"Lambda-Extension-Identifier", extension.identifier.encode())
        exchange.send(response(200, [identifier, JSON], orjson.dumps(about)))
        self._check_registered()

    def _next(self, request: Request, exchange: Exchange) -> None:
        extension = self.identified(request, exchange)
        if extension is None or not self._moved(extension, ExtensionCall.NEXT, exchange):
            return
        extension.hand_out(exchange)
        if extension.state is ExtensionState.READY:
            self._back(extension)

    def _error(self, request: Request, exchange: Exchange, call: ExtensionCall, kind: str) -> None:
        extension = self.identified(request, exchange)
        if extension is None:
            return
        error_type = request.header(ERROR_TYPE).decode("latin-1")
        if not error_type:
            text = "Lambda-Extension-Function-Error-Type not found"
            refuse(exchange, 403, "Extension.MissingHeader", text)
        elif self._moved(extension, call, exchange):
            extension.error_type = error_type
            exchange.send(ACCEPTED)
            if not self.failed.done():
                self.failed.set_result(Failure(extension.name, kind, error_type, request.body))

    def _unfit(self, event: str, *, external: bool) -> str:
        """Why an event cannot be subscribed to, in the service's words; "" if it can."""
        if event == SHUTDOWN:
            return "" if external else "ShutdownEventNotSupportedForInternalExtension"
        return "" if event == INVOKE and self._told_of_invocations else "ErrorInvalidEventType"

    def _moved(self, extension: Extension, call: ExtensionCall, exchange: Exchange) -> bool:
        before = extension.state
        moved = extension.moved(call)
        if not moved:
            text = extension_refusal(extension.name, before, call)
            refuse(exchange, 403, "Extension.InvalidExtensionState", text)
        return moved

    def _add(self, extension: Extension) -> Extension:
        self._by_name[extension.name] = extension
        self._by_identifier[extension.identifier] = extension
        return extension

    def _back(self, extension: Extension) -> None:
        self._check_ready()
        self._busy.discard(extension)
        if not self._busy and self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def _check_registered(self) -> None:
        started = any(one.external and one.state is ExtensionState.STARTED for one in self._by_name.values())
        if not started and not self.registered.done():
            self.registered.set_result(None)

    def _check_ready(self) -> None:
        ready = all(one.state is ExtensionState.READY for one in self._by_name.values())
        if ready and not self._open and not self.ready.done():
            self.ready.set_result(None)


def _events(body: bytes) -> list[str]:
    """What a registration asks for: a list, or none. Raises ValueError where it is no such thing."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"the body is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError("the body is no JSON object")  # noqa: TRY004  # the caller's words, not our defect
    if value.get("configurationKeys"):
        raise ValueError("configurationKeys are deprecated; use environment variables instead")
    events = value.get("events") or []
    if not isinstance(events, list) or not all(isinstance(event, str) for event in events):
        raise ValueError("events is no list of strings")
    return events
