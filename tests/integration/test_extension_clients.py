"""Extensions that others wrote, each unmodified in a process of its own, against our Extensions, Telemetry and Logs APIs."""

from __future__ import annotations

import shutil
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from poller.execution.extensions.extension import INVOKE, SHUTDOWN
from poller.execution.extensions.states import ExtensionState
from poller.execution.telemetry import facts
from tests import clients
from tests.cache import CACHE, making
from tests.servers import Unavailable, free_port
from tests.stage import Stage

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(900)]

FUNCTION = "def handler(event, context): return event\n"
INSIDE = """
import {module}, app_
{module}.register()
handler = app_.handler
"""


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    (tmp_path / "app.py").write_text(FUNCTION)
    stage = Stage(tmp_path)
    await stage.api.open()
    yield stage
    await stage.close()


def rust_extension(stage: Stage, *arguments: str) -> list[str]:
    """A file whose name is the extension's, as in /opt/extensions."""
    try:
        program = clients.rust(CACHE, "extension")[0]
    except Unavailable as reason:
        pytest.skip(str(reason))
    shutil.copy(program, stage.folder / "watcher")
    return [str(stage.folder / "watcher"), *arguments]


def invocation_facts(request_id: str) -> list[facts.Fact]:
    metrics = facts.ReportMetrics(duration_ms=1.5, billed_duration_ms=2, memory_size_mb=128, max_memory_used_mb=40)
    span = facts.Span(name="responseLatency", start=time.time(), duration_ms=1.0)
    return [
        facts.Start(request_id=request_id, version="$LATEST", tracing=facts.Tracing(value="Root=1-0-0", span_id="5")),
        facts.FunctionLine(record="a line"),
        facts.RuntimeDone(
            request_id=request_id,
            status="success",
            spans=(span,),
            metrics=facts.RuntimeMetrics(duration_ms=1.25, produced_bytes=8),
        ),
        facts.Report(request_id=request_id, status="success", metrics=metrics),
    ]


async def test_an_external_extension_lives_through_init_invoke_and_shutdown(stage: Stage) -> None:
    command = rust_extension(stage, "events", "0")
    stage.extensions.expect(["watcher"])
    assert not stage.extensions.registered.done()
    watcher = await stage.start(command)
    await stage.extensions.registered
    await stage.start(clients.python(stage.folder))
    await stage.ready()
    (extension,) = stage.extensions.extensions
    assert (extension.external, extension.events) == (True, (INVOKE, SHUTDOWN))
    for n in range(3):
        assert not (await stage.invoke({"n": n})).error
    assert stage.extensions.shutdown("spindown", int(time.time() * 1000) + 2000) == {"watcher"}
    await watcher.line("SHUTDOWN spindown")
    assert sum(line.startswith("INVOKE ") for line in watcher.lines) == 3


@pytest.mark.parametrize(("api", "end"), [("telemetry", "PlatformReport"), ("logs", "PlatformEnd")])
async def test_telemetry_reaches_a_subscriber_from_inits_first_record_on(stage: Stage, api: str, end: str) -> None:
    command = rust_extension(stage, api, str(free_port()))
    stage.telemetry.tell(facts.InitStart(runtime_version="python:3.11.v1", instance_id="s"))
    stage.telemetry.tell(facts.ExtensionLine(record="not subscribed to"))
    stage.extensions.expect(["watcher"])
    watcher = await stage.start(command)
    await stage.extensions.registered
    await stage.start(clients.python(stage.folder))
    await stage.ready()
    stage.telemetry.tell(facts.ExtensionSeen(name="watcher", state="Ready", events=[INVOKE, SHUTDOWN]))
    stage.telemetry.tell(facts.InitRuntimeDone(status="success"))
    stage.telemetry.tell(facts.InitReport(metrics=facts.InitMetrics(duration_ms=10.0)))
    assert not (await stage.invoke({})).error
    for fact in invocation_facts("3da1f2dc-3222-475e-9205-e2e6c6318895"):
        stage.telemetry.tell(fact)
    await stage.telemetry.drain(20)
    await watcher.line(end)
    seen = " ".join(line for line in watcher.lines if line.startswith("RECORD"))
    assert ("PlatformInitStart" in seen) is (api == "telemetry")
    assert ("PlatformTelemetrySubscription" in seen) is (api == "telemetry")
    assert 'Function("a line")' in seen
    assert "not subscribed to" not in seen
    assert seen.index("PlatformStart") < seen.index('Function("a line")') < seen.index(end)


async def test_a_published_extension_on_node_gets_events_and_logs(stage: Stage) -> None:
    try:
        opt = clients.node_otel_extension(CACHE)
    except Unavailable as reason:
        pytest.skip(str(reason))
    for port in (2772, 4243):
        if not is_free(port):
            pytest.skip(f"the extension listens on port {port}, which is taken here")
    stage.extensions.expect(["otel-extension"])
    extension = await stage.start(
        ["node", str(opt / "otel-extension/index.js")],
        DEBUG_SLS_OTEL_LAYER="true",
        AWS_SAM_LOCAL="true",  # it listens on all addresses then: its host name is known only in a sandbox
        DO_NOT_WAIT="1",
    )
    await stage.extensions.registered
    await stage.start(clients.python(stage.folder))
    await stage.ready()
    assert not (await stage.invoke({})).error
    await extension.line("Processing event:  INVOKE")
    assert stage.extensions.shutdown("spindown", int(time.time() * 1000) + 2000) == {"otel-extension"}
    await extension.line("Checking log length...")  # it waits for the report of its last invocation
    for fact in invocation_facts("3da1f2dc-3222-475e-9205-e2e6c6318895"):
        stage.telemetry.tell(fact)
    assert await extension.end() == 0
    assert any("AFTER SOME TIME" in line and '"type":"platform.report"' in line for line in extension.lines)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


async def test_a_published_extension_inside_a_python_function_registers_without_events(stage: Stage) -> None:
    (stage.folder / "app_.py").write_text(FUNCTION)
    (stage.folder / "app.py").write_text(INSIDE.format(module="lambda_sigterm"))
    folder = CACHE / "lambda-sigterm-0.1.2"
    with making("lambda-sigterm"):
        if not (folder / "lambda_sigterm").exists():
            wanted = ["install", "--quiet", "--no-deps", "--target", str(folder), "lambda-sigterm==0.1.2"]
            try:
                clients._run([sys.executable, "-m", "pip", *wanted], stage.folder)
            except Unavailable as reason:
                pytest.skip(str(reason))
    await stage.start(clients.python(stage.folder), PYTHONPATH=str(folder))
    await stage.ready()
    assert not (await stage.invoke({})).error
    assert [(one.name, one.events) for one in stage.extensions.extensions] == [("lambda-sigterm", ())]


async def test_an_extension_that_dies_is_no_concern_of_the_runtimes_calls(stage: Stage) -> None:
    command = rust_extension(stage, "events", "0")
    stage.extensions.expect(["watcher"])
    watcher = await stage.start(command)
    await stage.extensions.registered
    watcher.process.kill()
    await watcher.end()
    stage.extensions.exited("watcher")
    (extension,) = stage.extensions.extensions
    assert extension.state is ExtensionState.EXITED
    await stage.start(clients.python(stage.folder))
    await stage.api.ready
    assert not stage.extensions.ready.done()
