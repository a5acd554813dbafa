"""Function URLs of a daemon as an operator has it: found in its log, called by curl, changed by a reload, drained by a stop."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.faults.daemon import Daemon
from tests.faults.scene import RUNTIME
from tests.faults.until import until
from tests.servers import free_port

pytestmark = [pytest.mark.server, pytest.mark.slow]

CODE = """
import time
def handler(event, context):
    time.sleep(float(event.get("queryStringParameters", {}).get("sleep", 0)))
    return {"path": event["rawPath"], "account": event["requestContext"]["accountId"], "version": context.function_version}
"""
STREAM = """#!/bin/sh
BASE="http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation"
while :; do
  ID=$(curl -sS -D - -o /dev/null "$BASE/next" | tr -d '\\r' | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  (printf '{"statusCode":207}'; head -c 8 /dev/zero; for n in 1 2 3; do echo "line $n"; sleep 0.1; done) | curl -sS -o /dev/null -X POST \\
    -H 'Lambda-Runtime-Function-Response-Mode: streaming' -H 'Transfer-Encoding: chunked' \\
    -H 'Content-Type: application/vnd.awslambda.http-integration-response' -T - "$BASE/$ID/response"
done
"""
KEYS = {"url-caller": {"secret_access_key": "0123456789abcdef"}}


class Stage:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "app.py").write_text(CODE)
        (folder / "bootstrap").write_text(STREAM)
        (folder / "bootstrap").chmod(0o755)
        self.port = free_port()
        self.functions: dict[str, Any] = {
            "orders": {"code": str(folder), "runtime": RUNTIME, "handler": "app.handler", "url": {"auth_type": "NONE"}},
        }
        self.daemon = Daemon(folder / "pollerd.json", str(folder))
        self.write()

    def write(self) -> None:
        whole = {
            "state": str(self.folder / "state"),
            "http": {"listen": "127.0.0.1:0", "keys": KEYS},
            "function_urls": {"listen": f"127.0.0.1:{self.port}"},
            "functions": self.functions,
        }
        self.daemon.config.write_text(json.dumps(whole))

    def url(self, function: str) -> str:
        def found() -> list[str]:
            return [line["url"] for line in self.daemon.logged("url opened") if line["function"] == function]

        until(lambda: bool(found()), f"{function} has a URL")
        return found()[-1]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    tmp_path.chmod(0o755)
    stage = Stage(tmp_path)
    yield stage
    stage.daemon.kill()
    stage.daemon.wait_gone()


def curl(url: str, *options: str) -> tuple[int, str]:
    """Status and body."""
    command = ["curl", "-sS", "-m", "30", "-w", "\\n%{http_code}", *options, url]
    body, _, status = subprocess.run(command, check=True, capture_output=True, text=True).stdout.rpartition("\n")
    return int(status), body


def test_functions_are_reached_under_their_urls(stage: Stage) -> None:
    stage.functions["lines"] = {
        "code": str(stage.folder),
        "runtime": "provided.al2023",
        "handler": "none",
        "timeout_seconds": 30,
        "url": {"auth_type": "NONE", "invoke_mode": "RESPONSE_STREAM"},
    }
    stage.functions["orders"]["aliases"] = {"live": {"version": "$LATEST", "url": {"auth_type": "AWS_IAM"}}}
    stage.write()
    stage.daemon.start()
    url = stage.url("orders")
    assert url.endswith(f".lambda-url.us-east-1.localhost:{stage.port}/")
    assert curl(f"{url}some/path") == (
        200,
        json.dumps({"path": "/some/path", "account": "anonymous", "version": "$LATEST"}, separators=(",", ":")),
    )
    assert curl(stage.url("lines")) == (207, "line 1\nline 2\nline 3\n")
    live = stage.url("orders:live")
    assert curl(live)[0] == 403
    signed = (
        "--aws-sigv4",
        "aws:amz:us-east-1:lambda",
        "--user",
        f"url-caller:{KEYS['url-caller']['secret_access_key']}",
    )
    status, body = curl(live, *signed)
    assert (status, json.loads(body)["account"]) == (200, "000000000000")
    assert curl(f"http://127.0.0.1:{stage.port}/")[0] == 403
    _, page = stage.daemon.get("/metrics")
    assert 'pollerd_url_requests_total{function="orders:live",status="4xx"} 1.0' in page
    stage.daemon.stop()


def test_the_api_streams_likewise(stage: Stage) -> None:
    """A client of AWS's reads the pieces as they come, then how it ended; one that leaves stops nothing."""
    about = {"code": str(stage.folder), "runtime": "provided.al2023", "handler": "none", "timeout_seconds": 30}
    stage.functions = {"lines": about}
    stage.write()
    stage.daemon.start()
    [url] = [line["url"] for line in stage.daemon.logged("port opened")]
    [(key, rest)] = KEYS.items()
    client = boto3.client(
        "lambda",
        "us-east-1",
        endpoint_url=url,
        aws_access_key_id=key,
        aws_secret_access_key=rest["secret_access_key"],
    )
    for _ in range(2):
        answer = client.invoke_with_response_stream(FunctionName="lines", LogType="Tail")
        assert answer["ExecutedVersion"] == "$LATEST"
        *chunks, last = list(answer["EventStream"])
        assert len(chunks) >= 2
        body = b"".join(chunk["PayloadChunk"]["Payload"] for chunk in chunks)
        assert body == b'{"statusCode":207}' + bytes(8) + b"line 1\nline 2\nline 3\n"
        assert b"END RequestId" in base64.b64decode(last["InvokeComplete"]["LogResult"])
        assert "ErrorCode" not in last["InvokeComplete"]
        early = client.invoke_with_response_stream(FunctionName="lines")
        next(iter(early["EventStream"]))
        early["EventStream"].close()
    client.close()
    stage.daemon.stop()


def test_a_url_comes_and_goes_with_the_configuration(stage: Stage) -> None:
    stage.daemon.start()
    first = stage.url("orders")
    stage.functions["orders"]["url"]["port"] = own = free_port()
    stage.write()
    stage.daemon.signal(signal.SIGHUP)
    until(lambda: stage.url("orders") != first, "the URL has a port of its own")
    assert curl(f"http://127.0.0.1:{own}/")[0] == curl(first)[0] == 200
    del stage.functions["orders"]["url"]
    stage.write()
    stage.daemon.signal(signal.SIGHUP)
    until(
        lambda: subprocess.run(["curl", "-sS", first], capture_output=True, check=False).returncode == 7, "it is gone"
    )
    stage.daemon.stop()


def test_a_stop_lets_requests_end(stage: Stage) -> None:
    stage.functions["orders"]["timeout_seconds"] = 30
    stage.write()
    stage.daemon.start()
    url = stage.url("orders")
    assert curl(url)[0] == 200
    answers: list[tuple[int, str]] = []
    asking = threading.Thread(target=lambda: answers.append(curl(f"{url}?sleep=2")))
    asking.start()
    until(lambda: 'pollerd_environments_busy{function="orders"} 1.0' in stage.daemon.get("/metrics")[1], "it runs")
    stage.daemon.stop()
    asking.join()
    assert [status for status, _ in answers] == [200]
