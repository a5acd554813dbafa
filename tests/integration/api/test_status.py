"""/_pollerd/status of a daemon, whatever it has: files' objects and those that calls made."""

from __future__ import annotations

import asyncio
import json
import os
import urllib.request
from pathlib import Path
from typing import Any

from connectors.memory.queue import queue
from poller import __version__
from tests.integration.api.served import HANDLER, basic, served

DOCUMENT = {
    "concurrency": 10,
    "functions": {
        "filed": {"code": "./filed", "runtime": "python3.11", "handler": "app.handler", "reserved_concurrency": 4}
    },
    "event_source_mappings": {"waits": {"source": {"type": "memory", "queue": "status"}, "function": "filed"}},
}


async def _status(url: str) -> dict[str, Any]:
    def get() -> dict[str, Any]:
        with urllib.request.urlopen(f"{url}/_pollerd/status") as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    return await asyncio.to_thread(get)


async def test_it_tells_of_the_daemon_its_functions_and_its_mappings(tmp_path: Path) -> None:
    (tmp_path / "filed").mkdir()
    (tmp_path / "filed" / "app.py").write_text(HANDLER)
    async with served(tmp_path, DOCUMENT) as api:
        await api.ask("create_function", **basic("made", Publish=True))
        await api.ask("create_alias", FunctionName="made", Name="live", FunctionVersion="1")
        await api.ask("invoke", FunctionName="made:live", Payload=b"{}")
        told = await _status(api.url)
        about = told["daemon"]
        assert about["version"] == __version__
        assert about["pid"] == os.getpid()
        assert (about["state"], about["url"]) == ("running", api.url)
        assert about["configuration"] == str(tmp_path / "pollerd.json")
        assert about["uptime_seconds"] >= 0
        assert told["concurrency"]["limit"] == 10
        filed, made = told["functions"]
        assert (filed["function"], filed["origin"], filed["runs_as"]) == ("filed", "file", "python3.11")
        assert filed["slots"]["limit"] == filed["slots"]["reserved"] == 4
        assert "last_invocation" not in filed["versions"][0]
        assert (made["function"], made["origin"], made["aliases"]) == ("made", "api", {"live": {"1": 1}})
        assert made["slots"] == {"in_use": 0, "waiting": 0, "limit": 6}
        assert [version["version"] for version in made["versions"]] == ["$LATEST", "1"]
        assert made["versions"][1]["environments"] == {"starting": 0, "idle": 1, "busy": 0}
        assert made["versions"][1]["last_invocation"]["status"] == "success"
        [mapping] = told["mappings"]
        assert (mapping["mapping"], mapping["origin"], mapping["function"]) == ("waits", "file", "filed")
        assert told["asynchronous"] == {"running": 0, "waiting": {}, "deliveries_waiting": {}}


async def test_a_mapping_tells_of_its_last_batch(tmp_path: Path) -> None:
    (tmp_path / "filed").mkdir()
    (tmp_path / "filed" / "app.py").write_text(HANDLER)
    async with served(tmp_path, DOCUMENT) as api:
        queue("status").send("{}")
        async with asyncio.timeout(20):
            while "last_progress" not in (mapping := (await _status(api.url))["mappings"][0]):
                await asyncio.sleep(0.01)
        assert (mapping["last_batch"]["verdict"], mapping["last_batch"]["delivered"]) == ("delivered", 1)
        assert mapping["last_progress"] <= mapping["last_batch"]["ended"]
