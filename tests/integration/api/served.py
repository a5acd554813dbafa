"""A daemon in this process, its port and boto3's client of it; what it runs is scripted unless a test brings another driver."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import ListShape, OperationModel, Shape, StringShape, StructureShape

from poller.aio.stop import Stop
from poller.daemon import Daemon
from poller.execution.contract import Driver
from poller.execution.scripted import ScriptedDriver
from poller.observe.events import DefectFoundError, Emit, Fact
from poller.settings.load import load

ACCOUNT, REGION = "123456789012", "eu-central-1"
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
LAYER_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"
HANDLER = "def handler(event, context): return event\n"


def zipped(files: Mapping[str, str]) -> bytes:
    """A deployment package."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


CODE = zipped({"app.py": HANDLER})
OTHER_CODE = zipped({"app.py": HANDLER, "more.txt": "more"})


def basic(name: str = "orders", **more: Any) -> dict[str, Any]:
    """What CreateFunction takes at least."""
    given = {
        "FunctionName": name,
        "Runtime": "python3.11",
        "Role": ROLE,
        "Handler": "app.handler",
        "Code": {"ZipFile": CODE},
    }
    return given | more


class Served:
    """A daemon that runs, and its client; calls of the client go to a thread."""

    def __init__(self, daemon: Daemon, client: Any) -> None:
        self.daemon = daemon
        self.client = client

    @property
    def url(self) -> str:
        """Of the port."""
        return self.daemon.url

    async def ask(self, verb: str, **parameters: Any) -> dict[str, Any]:
        """Make one call; what the client adds of its own is left out."""
        answer: dict[str, Any] = await asyncio.to_thread(getattr(self.client, verb), **parameters)
        answer.pop("ResponseMetadata")
        return answer

    async def refused(self, verb: str, **parameters: Any) -> tuple[int, str, str]:
        """Status, code and sentence of a call that is refused."""
        try:
            await self.ask(verb, **parameters)
        except ClientError as error:
            told = error.response
            return told["ResponseMetadata"]["HTTPStatusCode"], told["Error"]["Code"], told["Error"]["Message"]
        raise AssertionError(f"{verb} was not refused")

    async def script(self, work: Callable[[Any], Any]) -> Any:
        """Run a script that was written for AWS."""
        return await asyncio.to_thread(work, self.client)


def _check_shape(http_response: Any, model: OperationModel, **_: Any) -> None:
    """Whatever the daemon answers is what the service's model says, member by member; clients pass over what they do not know."""
    streams = model.has_streaming_output or model.has_event_stream_output
    if http_response.status_code >= HTTPStatus.BAD_REQUEST or streams or not model.output_shape:
        return  # what streams is its reader's
    if http_response.content:
        _check(json.loads(http_response.content), model.output_shape, model.name)


def _check(value: Any, shape: Shape, where: str) -> None:
    kinds: dict[str, type] = {"structure": dict, "map": dict, "list": list, "string": str, "integer": int, "long": int}
    fits = isinstance(value, kinds.get(shape.type_name, object))
    assert fits, f"{where}: {value!r} is no {shape.type_name}"
    if isinstance(shape, StructureShape):
        for name, member in value.items():
            assert name in shape.members, f"{where} has no {name}"
            _check(member, shape.members[name], f"{where}.{name}")
    elif isinstance(shape, ListShape):
        for item in value:
            _check(item, shape.member, f"{where}[]")
    elif isinstance(shape, StringShape) and shape.enum:
        recorded = ["Creating"] if where.endswith("LastUpdateStatusReasonCode") else []  # the model does not know it
        assert value in [*shape.enum, *recorded], f"{where}: {value}"


@contextlib.asynccontextmanager
async def served(
    folder: Path, document: Mapping[str, Any] | None = None, driver: Callable[[Emit], Driver] | None = None
) -> AsyncIterator[Served]:
    """Run a daemon by a configuration in a folder; the state is kept there, so the next one finds it."""
    given = {
        "http": {"listen": "127.0.0.1:0"},
        "function_urls": {"listen": "127.0.0.1:0"},
        "aws": {"region": REGION, "account_id": ACCOUNT},
        "sandbox": "none",
        **(document or {}),
    }
    config = folder / "pollerd.json"
    config.write_text(json.dumps(given))
    facts: list[Fact] = []
    daemon = Daemon(load(config), driver or (lambda _: ScriptedDriver()), facts.append, origin=str(config))
    stop = Stop()
    running = asyncio.create_task(daemon.run(stop), name="daemon")
    async with asyncio.timeout(20):
        while not daemon.url:
            await asyncio.sleep(0.005)
            assert not running.done(), running.result()
    client = boto3.client(
        "lambda",
        endpoint_url=daemon.url,
        region_name=REGION,
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )
    client.meta.events.register("after-call", _check_shape)
    try:
        yield Served(daemon, client)
    finally:
        client.close()
        stop.begin("test")
        await running
    defects = [fact.trace for fact in facts if isinstance(fact, DefectFoundError)]
    assert not defects, "\n".join(defects)
