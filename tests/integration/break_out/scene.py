"""A victim and an attacker under one daemon's driver, in every kind of isolation."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from poller.execution.contract import FunctionSpec, Invocation, Result
from poller.execution.environment.environment import ProcessEnvironment
from poller.execution.process import ProcessDriver
from poller.execution.runtimes import own
from poller.execution.sandbox import egress
from poller.execution.sandbox.isolation import unavailable

FUNCTIONS = Path(__file__).with_name("functions")
NONE, SHARED, OWN, EGRESS = "none", "sandbox, the host's network", "sandbox, no network", "sandbox, egress"
KINDS = {
    NONE: ("none", ""),
    SHARED: ("bubblewrap", "shared"),
    OWN: ("bubblewrap", "none"),
    EGRESS: ("bubblewrap", "host-egress"),
}
if os.geteuid() == 0:  # pasta does not serve root
    del KINDS[EGRESS]
CHOSEN = os.environ.get("BREAK_OUT_KINDS", "")
"""Names, with semicolons between them; "": all."""
TRIED = [kind for kind in KINDS if not CHOSEN or kind in CHOSEN.split(";")]
SECRET = "the victim's secret"


def missing(kind: str) -> str:
    """Why a kind of isolation cannot be had here; "" when it can."""
    if kind == NONE:
        return ""
    return unavailable() or (egress.problem() if kind == EGRESS else "")


class Scene:
    """kind: of isolation. folder: the test's own."""

    def __init__(self, kind: str, folder: Path) -> None:
        sandbox, self.network = KINDS[kind]
        self.kind = kind
        self.sandboxed = kind != NONE
        self.folder = folder
        self.state = folder / "state"
        self.driver = ProcessDriver(self.state, lambda _: None, sandbox)
        self.environments: list[ProcessEnvironment] = []
        self.names = {"file": f"note-{uuid.uuid4().hex}", "socket": uuid.uuid4().hex, "key": uuid.uuid4().int >> 97}

    async def environment(self, function: str, **options: Any) -> ProcessEnvironment:
        """One, of the function in functions/<name>.py, after its INIT."""
        code = self.folder / f"code-{function}"
        if not code.exists():
            code.mkdir()
            (code / "app.py").write_text((FUNCTIONS / f"{function}.py").read_text())
        spec: dict[str, Any] = {
            "name": function, "version": "$LATEST", "arn": f"arn:aws:lambda:us-east-1:000000000000:function:{function}",
            "task_root": str(code), "runtime": own.IDENTIFIER, "handler": "app.handler", "timeout_seconds": 30.0, "memory_mb": 256,
            "network": self.network, "ephemeral_storage_mb": 8,
        } | options  # fmt: skip
        environment = self.driver.environment(FunctionSpec(**spec))
        assert isinstance(environment, ProcessEnvironment)
        self.environments.append(environment)
        await environment.start()
        return environment

    async def close(self) -> None:
        for environment in self.environments:
            await environment.stop()
        await self.driver.close()


async def ask(environment: ProcessEnvironment, do: str, **event: Any) -> Result:
    """Whatever comes of it."""
    payload = json.dumps({"do": do} | event).encode()
    return await environment.invoke(Invocation(request_id=str(uuid.uuid4()), payload=payload, function_arn="arn"))


async def attempt(environment: ProcessEnvironment, do: str, **event: Any) -> Any:
    """What the attempt returned; it must not fail for a reason of its own."""
    result = await ask(environment, do, **event)
    assert result.ok, result.payload.decode()
    return json.loads(result.payload)


def processes(belongs: Callable[[Path], bool]) -> list[int]:
    """Of this host."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if belongs(Path("/proc", name)):
                    found.append(int(name))
            except OSError:
                continue
    return found
