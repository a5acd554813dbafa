"""What real runtime clients write, as the log and a subscriber to telemetry have it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from poller.execution.contract import Logging, Result, Status
from poller.execution.pool import Pool
from poller.observe.events import FunctionLogged
from tests.integration.scene import MAIN, Scene, invoke, opened
from tests.integration.test_extensions import layer

HANDLER = """
import fcntl, json, logging, os, sys, time
logger = logging.getLogger()
def handler(event, context):
    return globals()[event["do"]](event)
def levels(event):
    logger.setLevel(logging.DEBUG)
    for level in ("debug", "info", "warning", "error"): getattr(logger, level)("at %s", level)
    print("printed")
def lines(event): logger.warning("one\\ntwo")
def own_json(event):
    for level in ("DEBUG", "INFO"): print(json.dumps({"level": level, "text": "mine"}))
def boom(event): raise ValueError("no")
def quiet(event): return "x" * 10
def last_words(event):
    fcntl.fcntl(1, fcntl.F_SETPIPE_SZ, 1 << 19)
    for n in range(4000): os.write(1, b"%060d\\n" % n)
    os.write(62, (0xa55a0003).to_bytes(4, "big") + (100).to_bytes(4, "big") + bytes(8) + b"cut o")
    os.write(1, b"the last line, without an end")
    os._exit(3)
def telemetry(event):
    while not os.path.exists(path := "/tmp/telemetry") or len(found := open(path).read().splitlines()) < event["n"]:
        time.sleep(0.01)
    return [json.loads(line) for line in found]
"""

SUBSCRIBER = """#!/usr/bin/python3
import http.server, json, os, threading, urllib.request
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"]
def call(path, headers, body=None, method=None):
    request = urllib.request.Request(API + path, data=body and json.dumps(body).encode(), headers=headers, method=method)
    with urllib.request.urlopen(request) as answer:
        return answer.headers
class Listener(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with open("/tmp/telemetry", "a") as file:
            file.writelines(json.dumps(event) + "\\n" for event in events)
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *words): pass
server = http.server.HTTPServer(("127.0.0.1", 4243), Listener)
threading.Thread(target=server.serve_forever, daemon=True).start()
headers = call("/2020-01-01/extension/register", {"Lambda-Extension-Name": "watch"}, {"events": ["INVOKE"]})
me = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
print("watching", flush=True)
call("/2022-07-01/telemetry", me, {"schemaVersion": "2022-07-01", "types": ["platform", "function", "extension"],
     "buffering": {"timeoutMs": 25}, "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:4243"}}, "PUT")
while True:
    call("/2020-01-01/extension/event/next", me)
"""

JSON = Logging(json=True, application_level="INFO", system_level="INFO")


@pytest.fixture(params=MAIN)
async def scene(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    async with opened(tmp_path, request.param) as scene:
        yield scene


async def written(scene: Scene, pool: Pool, do: str) -> tuple[Result, list[str]]:
    """Result of an invocation, and its lines without the platform's."""
    result = await invoke(pool, do)
    facts = [fact for fact in scene.facts if isinstance(fact, FunctionLogged)]
    return result, [fact.line for fact in facts if fact.request_id == result.request_id and not fact.platform]


def platform(scene: Scene) -> list[str]:
    return [fact.line for fact in scene.facts if isinstance(fact, FunctionLogged) and fact.platform]


async def test_text_from_the_official_client(scene: Scene) -> None:
    pool = scene.pool(HANDLER)
    result, lines = await written(scene, pool, "levels")
    assert result.ok
    logged = [line.split("\t") for line in lines if line != "printed"]
    assert [line[0] for line in logged] == ["[DEBUG]", "[INFO]", "[WARNING]", "[ERROR]"]
    assert {line[2] for line in logged} == {result.request_id}
    assert "printed" in lines
    _, lines = await written(scene, pool, "lines")
    assert [line.split("\t")[3] for line in lines] == ["one\ntwo"]


async def test_a_traceback_is_one_record(scene: Scene) -> None:
    result, [record] = await written(scene, scene.pool(HANDLER), "boom")
    assert result.status is Status.ERROR
    first, second, *frames = record.split("\n")
    assert (first, second) == ("[ERROR] ValueError: no", "Traceback (most recent call last):")
    assert len(frames) > 1
    assert platform(scene)[-1].endswith("\tStatus: error\tError Type: Runtime.Unknown\t")


async def test_json_from_the_official_client(scene: Scene) -> None:
    pool = scene.pool(HANDLER, logging=JSON)
    result, lines = await written(scene, pool, "levels")
    assert result.ok
    assert "printed" in lines
    logged = [json.loads(line) for line in lines if line != "printed"]
    assert [(line["level"], line["message"]) for line in logged] == [
        ("INFO", "at info"), ("WARNING", "at warning"), ("ERROR", "at error"),
    ]  # fmt: skip
    assert {line["requestId"] for line in logged} == {result.request_id}
    _, lines = await written(scene, pool, "own_json")
    assert [json.loads(line) for line in lines] == [{"level": "INFO", "text": "mine"}]
    _, [line] = await written(scene, pool, "boom")
    found = json.loads(line)
    assert (found["level"], found["errorType"], found["errorMessage"]) == ("ERROR", "ValueError", "no")
    events = [json.loads(line) for line in platform(scene)]
    course = ["platform.start", "platform.report"]
    assert [event["type"] for event in events] == ["platform.initStart", *course, *course, "platform.start",
                                                   "platform.runtimeDone", "platform.report"]  # fmt: skip
    assert [event["record"]["status"] for event in events if event["type"] == "platform.report"] == [
        "success",
        "success",
        "error",
    ]


async def test_what_a_function_writes_right_before_its_end_is_kept(scene: Scene) -> None:
    result, lines = await written(scene, scene.pool(HANDLER), "last_words")
    assert result.status is Status.FAILURE
    assert sorted(lines) == sorted([*(f"{n:060d}" for n in range(4000)), "cut o", "the last line, without an end"])
    assert [line.split(" ")[0] for line in platform(scene)] == ["INIT_START", "START", "END", "REPORT"]


async def test_an_init_that_fails_is_reported(scene: Scene) -> None:
    await invoke(scene.pool("import sys; print('begun'); sys.stdout.flush(); import missing", logging=JSON))
    events = [json.loads(line) for line in platform(scene)]
    course = [(event["type"].removeprefix("platform."), event["record"].get("phase")) for event in events]
    init = ["initStart", "initRuntimeDone", "initReport"]
    assert course == [*((name, "init") for name in init), *((name, "invoke") for name in init), ("start", None),
                      ("runtimeDone", None), ("report", None)]  # fmt: skip
    assert {event["record"]["errorType"] for event in events if "errorType" in event["record"]} == {
        "Runtime.ImportModuleError"
    }
    outside = [fact.line for fact in scene.facts if isinstance(fact, FunctionLogged) and fact.request_id == ""]
    assert outside.count("begun") == 2


async def test_a_subscriber_hears_it_all(tmp_path: Path) -> None:
    # without a sandbox nothing leads from sandbox.localdomain's /tmp to the function's
    async with opened(tmp_path, "sandbox with its own network") as scene:
        pool = scene.pool(HANDLER, layers_root=layer(tmp_path, watch=SUBSCRIBER))
        first = await invoke(pool, "boom")
        second = await invoke(pool, "telemetry", n=11)
    events: list[dict[str, Any]] = json.loads(second.payload)
    kinds = [event["type"] for event in events]
    assert kinds[:5] == ["platform.initStart", "extension", "platform.telemetrySubscription", "platform.initRuntimeDone",
                         "platform.extension"]  # fmt: skip
    assert kinds[5:7] == ["platform.initReport", "platform.start"]
    assert sorted(kinds[7:10]) == ["function", "platform.report", "platform.runtimeDone"]
    [line] = [event["record"] for event in events if event["type"] == "function"]
    assert line.startswith("[ERROR] ValueError: no\nTraceback")
    report = next(event["record"] for event in events if event["type"] == "platform.report")
    assert (report["requestId"], report["status"], report["errorType"]) == (
        first.request_id,
        "error",
        "Runtime.Unknown",
    )
    lines = platform(scene)
    assert "TELEMETRY\tName: watch\tState: Subscribed\tTypes: [Platform, Function, Extension]" in lines
    assert "EXTENSION\tName: watch\tState: Ready\tEvents: [INVOKE]" in lines


async def test_the_course_of_an_invocation_is_told_in_spans(tmp_path: Path) -> None:
    """What came when: one span after the other, and what the extension took on top is in REPORT."""
    async with opened(tmp_path, "sandbox with its own network") as scene:
        pool = scene.pool(HANDLER, layers_root=layer(tmp_path, watch=SUBSCRIBER))
        first = await invoke(pool, "quiet")
        second = await invoke(pool, "telemetry", n=9)
    record = {event["type"]: event["record"] for event in json.loads(second.payload)[:9]}
    done, report = record["platform.runtimeDone"], record["platform.report"]
    spans = done["spans"]
    assert [one["name"] for one in spans] == ["responseLatency", "responseDuration", "runtimeOverhead"]
    assert [one["start"] for one in spans] == sorted(one["start"] for one in spans)
    assert done["metrics"]["durationMs"] == pytest.approx(sum(one["durationMs"] for one in spans), abs=0.01)
    assert done["metrics"]["producedBytes"] == len('"xxxxxxxxxx"')
    assert [one["name"] for one in report["spans"]] == ["extensionOverhead"]
    assert done["metrics"]["durationMs"] + report["spans"][0]["durationMs"] <= report["metrics"]["durationMs"] + 0.01
    assert first.duration_ms < report["metrics"]["durationMs"] <= report["metrics"]["billedDurationMs"]
