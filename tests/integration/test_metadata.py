"""The metadata endpoint, as a function's own process asks it."""

from __future__ import annotations

from typing import Any

import pytest

from poller.execution.contract import CONCURRENT, Logging
from tests.integration import test_environment
from tests.integration.scene import MAIN, Scene, error, everywhere, invoke

scene = test_environment.scene

CODE = """
import json, os, urllib.error, urllib.request
TOKEN = os.environ["AWS_LAMBDA_METADATA_TOKEN"]
URL = "http://" + os.environ["AWS_LAMBDA_METADATA_API"] + "/2026-01-15/metadata/execution-environment"
def handler(event, context):
    headers = {"Authorization": event["authorization"].replace("TOKEN", TOKEN)} if event["authorization"] else {}
    request = urllib.request.Request(URL, method=event["method"], headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return [answer.status, answer.headers["Cache-Control"], json.loads(answer.read()), TOKEN]
    except urllib.error.HTTPError as refused:
        with refused:
            return [refused.code]
"""

CONCURRENTLY = {
    "max_concurrency": 2, "initialization_type": CONCURRENT, "memory_mb": 512,
    "logging": Logging(json=True, application_level="INFO", system_level="INFO"),
}  # fmt: skip


async def ask(pool: Any, method: str = "GET", authorization: str = "Bearer TOKEN") -> Any:
    return error(await invoke(pool, method=method, authorization=authorization))


@everywhere
async def test_a_function_learns_its_zone(scene: Scene) -> None:
    pool = scene.pool(CODE, arn="arn:aws:lambda:eu-central-1:000000000000:function:f")
    status, caching, told, _ = await ask(pool)
    assert (status, caching, told) == (200, "private, max-age=43200, immutable", {"AvailabilityZoneID": "euc1-az1"})
    assert await ask(pool, authorization="") == [401]
    assert await ask(pool, authorization="Bearer another") == [401]
    assert await ask(pool, "POST") == [405]


@pytest.mark.parametrize("scene", MAIN, indirect=True)
async def test_so_does_one_that_runs_several_invocations_at_once(scene: Scene) -> None:
    pool = scene.pool(CODE, **CONCURRENTLY)
    assert (await ask(pool))[:3:2] == [200, {"AvailabilityZoneID": "use1-az1"}]
    assert await ask(pool, authorization="") == [401]


async def test_another_environment_has_another_token(scene: Scene) -> None:
    one, other = scene.pool(CODE), scene.pool(CODE)
    assert (await ask(one))[3] == (await ask(one))[3] != (await ask(other))[3]
