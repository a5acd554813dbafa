"""The Extensions API's paths, statuses and bodies, and what its driver sees, without sockets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from poller.execution.contract import Invocation
from poller.execution.extensions.api import MAX_EXTENSIONS, About, ExtensionsApi, Failure
from poller.execution.extensions.extension import Extension
from poller.execution.extensions.states import ExtensionState
from poller.execution.runtime_api import RuntimeApi
from tests.fakes.wire import Client, Reply

GOLDEN = Path(__file__).parents[3] / "golden/events/extensions"
REGISTER = "/2020-01-01/extension/register"
NEXT = "/2020-01-01/extension/event/next"
INIT_ERROR = "/2020-01-01/extension/init/error"
EXIT_ERROR = "/2020-01-01/extension/exit/error"
BOTH = b'{"events":["INVOKE","SHUTDOWN"]}'
ABOUT = About(
    function_name="helloWorld",
    function_version="$LATEST",
    handler="lambda_function.lambda_handler",
    account_id="123456789012",
)


def golden(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text())


class Scene:
    def __init__(self) -> None:
        self.runtime = RuntimeApi(lambda _port: True)
        self.extensions = ExtensionsApi(ABOUT)
        self.runtime.serve(self.extensions)

    def client(self) -> Client:
        return Client(self.runtime.listener.connection())

    def register(self, name: str, body: bytes = BOTH, **headers: str) -> Reply:
        return self.client().answer("POST", REGISTER, body, {"Lambda-Extension-Name": name} | headers)

    def registered(self, name: str, body: bytes = BOTH) -> dict[str, str]:
        """The header that a registered extension sends."""
        reply = self.register(name, body)
        assert reply.status == 200, reply.json
        return {"Lambda-Extension-Identifier": reply.headers["Lambda-Extension-Identifier"]}

    def parked(self, identity: dict[str, str]) -> Client:
        """A client that waits for an event."""
        client = self.client()
        assert client.call("GET", NEXT, None, identity) is None
        return client

    def runtime_asks(self) -> Client:
        client = self.client()
        assert client.call("GET", "/2018-06-01/runtime/invocation/next") is None
        return client

    def one(self, name: str) -> Extension:
        return next(one for one in self.extensions.extensions if one.name == name)


@pytest.fixture
async def scene() -> Scene:
    return Scene()


INVOCATION = Invocation(
    request_id="3da1f2dc-3222-475e-9205-e2e6c6318895",
    payload=b"{}",
    function_arn="arn:aws:lambda:us-east-1:123456789012:function:ExtensionTest",
    trace_id="Root=1-5f35ae12-0c0fec141ab77a00bc047aa2;Parent=2be948a625588e32;Sampled=1",
)


async def test_init_is_over_when_the_runtime_and_every_extension_wait(scene: Scene) -> None:
    extensions = scene.extensions
    extensions.expect(["a", "b"])
    first = scene.registered("a")
    assert not extensions.registered.done()
    second = scene.registered("b", b'{"events":["INVOKE"]}')
    assert extensions.registered.done()
    inside = scene.registered("inside", b'{"events":null}')
    scene.parked(first)
    scene.parked(second)
    scene.runtime_asks()
    assert not extensions.ready.done()
    scene.parked(inside)
    assert extensions.ready.done()
    kinds = [(one.name, one.external, one.events) for one in extensions.extensions]
    assert kinds == [("a", True, ("INVOKE", "SHUTDOWN")), ("b", True, ("INVOKE",)), ("inside", False, ())]


async def test_without_extensions_nothing_is_waited_for(scene: Scene) -> None:
    scene.extensions.expect([])
    assert scene.extensions.registered.done()
    scene.runtime_asks()
    assert scene.extensions.ready.done()
    assert scene.extensions.invoke(INVOCATION, 1) is None
    assert scene.extensions.shutdown("spindown", 1) == set()


async def test_an_event_goes_to_its_subscribers_and_is_over_when_they_are_back(scene: Scene) -> None:
    scene.extensions.expect(["a", "b"])
    identities = {
        name: scene.registered(name, body) for name, body in {"a": BOTH, "b": b'{"events":["SHUTDOWN"]}'}.items()
    }
    clients = {name: scene.parked(identity) for name, identity in identities.items()}
    idle = scene.extensions.invoke(INVOCATION, 1764088062107)
    assert idle is not None
    reply = clients["a"].reply()
    assert reply is not None
    assert reply.json == golden("next-invoke.json")
    assert reply.headers["Content-Type"] == "application/json"
    assert len(reply.headers["Lambda-Extension-Event-Identifier"]) == 36
    assert clients["b"].reply() is None
    assert scene.one("a").state is ExtensionState.RUNNING
    assert not idle.done()
    scene.parked(identities["a"])
    assert idle.done()


@pytest.mark.parametrize(
    ("reason", "deadline"), [("spindown", 1764088661614), ("timeout", 1764088675327), ("failure", 1764088690001)]
)
async def test_shutdown_is_told_at_once_or_at_the_next_call(scene: Scene, reason: str, deadline: int) -> None:
    scene.extensions.expect(["idle", "busy", "deaf"])
    idle, busy = scene.registered("idle"), scene.registered("busy")
    scene.registered("deaf", b'{"events":["INVOKE"]}')
    client = scene.parked(idle)
    assert scene.extensions.shutdown(reason, deadline) == {"idle", "busy"}
    reply = client.reply()
    assert reply is not None
    assert reply.json == golden(f"next-shutdown-{reason}.json")
    assert scene.client().answer("GET", NEXT, None, busy).json == reply.json


async def test_an_extension_that_hung_up_while_it_waited_gets_its_event_when_it_is_back(scene: Scene) -> None:
    identity = scene.registered("inside", b'{"events":["INVOKE"]}')
    scene.parked(identity).close()
    idle = scene.extensions.invoke(INVOCATION, 1)
    assert idle is not None
    assert scene.client().answer("GET", NEXT, None, identity).json["eventType"] == "INVOKE"
    assert not idle.done()


async def test_registration_answers_with_the_function(scene: Scene) -> None:
    scene.extensions.expect(["a"])
    body = (GOLDEN / "register-request.json").read_bytes()
    assert scene.register("a", body, **{"Lambda-Extension-Accept-Feature": "x, accountId"}).json == golden(
        "register-response.json"
    )
    assert "accountId" not in scene.register("inside", b"{}").json


@pytest.mark.parametrize(
    ("name", "body", "error_type", "message"),
    [
        ("", BOTH, "Extension.InvalidExtensionName", "Empty extension name"),
        ("x", b"", "InvalidRequestFormat", ""),
        ("x", b"[]", "InvalidRequestFormat", ""),
        ("x", b'{"events":"INVOKE"}', "InvalidRequestFormat", ""),
        ("x", b'{"events":[1]}', "InvalidRequestFormat", ""),
        ("x", b'{"configurationKeys":["k"]}', "InvalidRequestFormat", "configurationKeys are deprecated"),
        ("x", BOTH, "Extension.InvalidEventType", "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension"),
        ("a", b'{"events":["SLEEP"]}', "Extension.InvalidEventType", "SLEEP: ErrorInvalidEventType"),
    ],
)  # fmt: skip
async def test_a_registration_that_is_refused(
    scene: Scene, name: str, body: bytes, error_type: str, message: str
) -> None:
    scene.extensions.expect(["a"])
    reply = scene.register(name, body)
    assert (reply.status, reply.error_type) == (403, error_type)
    assert message in reply.json["errorMessage"]


async def test_a_name_registers_once(scene: Scene) -> None:
    scene.extensions.expect(["a"])
    scene.registered("a")
    again = scene.register("a")
    assert again.error_type == "Extension.InvalidExtensionState"
    assert again.json["errorMessage"].startswith(
        "State transition from Registered to Registered failed for extension a."
    )
    scene.registered("inside", b"{}")
    assert scene.register("inside", b"{}").error_type == "Extension.InvalidExtensionState"


async def test_the_runtimes_first_call_closes_registration(scene: Scene) -> None:
    scene.extensions.expect(["late"])
    scene.runtime_asks()
    for name in ("late", "inside"):
        reply = scene.register(name, b"{}")
        assert (reply.error_type, reply.json["errorMessage"]) == (
            "Extension.RegistrationClosed",
            "Extension registration closed already",
        )
    scene.runtime.reset()
    scene.registered("inside", b"{}")


async def test_there_is_a_limit_to_both_kinds_together(scene: Scene) -> None:
    scene.extensions.expect(f"e{n}" for n in range(MAX_EXTENSIONS - 1))
    scene.registered("inside", b"{}")
    reply = scene.register("one more", b"{}")
    assert (reply.error_type, reply.json["errorMessage"]) == (
        "Extension.TooManyExtensions",
        "Extension limit (10) reached",
    )
    scene.runtime.reset()
    with pytest.raises(ValueError, match="at most 10"):
        scene.extensions.expect(f"e{n}" for n in range(11))


@pytest.mark.parametrize(("method", "path"), [("GET", NEXT), ("POST", INIT_ERROR), ("POST", EXIT_ERROR)])
@pytest.mark.parametrize(
    ("identifier", "error_type"),
    [
        ("", "Extension.MissingExtensionIdentifier"),
        ("x", "Extension.InvalidExtensionIdentifier"),
        ("3da1f2dc-3222-475e-9205-e2e6c6318895", "Extension.UnknownExtensionIdentifier"),
    ],
)
async def test_who_calls_has_to_be_known(
    scene: Scene, method: str, path: str, identifier: str, error_type: str
) -> None:
    headers = {"Lambda-Extension-Identifier": identifier} if identifier else {}
    reply = scene.client().answer(method, path, b"", headers)
    assert (reply.status, reply.error_type) == (403, error_type)


@pytest.mark.parametrize(
    ("path", "kind", "state"),
    [
        (INIT_ERROR, "Extension.InitError", ExtensionState.INIT_ERROR),
        (EXIT_ERROR, "Extension.ExitError", ExtensionState.EXIT_ERROR),
    ],
)
async def test_an_extension_that_gives_up_says_why(scene: Scene, path: str, kind: str, state: ExtensionState) -> None:
    identity = scene.registered("inside", b"{}")
    assert scene.client().answer("POST", path, b"", identity).error_type == "Extension.MissingHeader"
    headers = identity | {"Lambda-Extension-Function-Error-Type": "Extension.NoKey"}
    for _ in range(2):  # a repetition is accepted
        reply = scene.client().answer("POST", path, b'{"errorMessage":"m"}', headers)
        assert (reply.status, reply.json) == (202, {"status": "OK"})
    assert scene.extensions.failed.result() == Failure("inside", kind, "Extension.NoKey", b'{"errorMessage":"m"}')
    assert (scene.one("inside").state, scene.one("inside").error_type) == (state, "Extension.NoKey")
    assert scene.client().answer("GET", NEXT, None, identity).error_type == "Extension.InvalidExtensionState"


async def test_what_became_of_a_process_is_kept(scene: Scene) -> None:
    scene.extensions.expect(["lost", "gone", "killed"])
    scene.extensions.launch_failed("lost", "PermissionDenied")
    scene.parked(scene.registered("killed"))
    scene.extensions.exited("gone")
    scene.extensions.exited("killed", killed=True)
    states = {one.name: (one.state.value, one.error_type) for one in scene.extensions.extensions}
    assert states == {
        "lost": ("LaunchError", "PermissionDenied"),
        "gone": ("Exited", ""),
        "killed": ("ShutdownFailed", ""),
    }


async def test_where_invocations_run_beside_each_other_nobody_is_told_of_them() -> None:
    scene = Scene()
    told_of_none = ExtensionsApi(ABOUT, told_of_invocations=False)
    scene.runtime.listener.apis[:] = [told_of_none]
    told_of_none.expect(["watch"])
    refused = scene.register("watch")
    assert (refused.status, refused.error_type) == (403, "Extension.InvalidEventType")
    assert scene.register("watch", b'{"events":["SHUTDOWN"]}').status == 200
    assert scene.register("inside", b'{"events":["INVOKE"]}').status == 403
    assert scene.register("inside", b'{"events":[]}').status == 200
