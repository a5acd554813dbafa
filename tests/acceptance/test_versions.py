"""Two versions behind a weighted alias, on a real queue: each message runs on one of them, and what is published stays as it was."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.faults.daemon import PROGRAM, Daemon
from tests.faults.scene import Scene
from tests.faults.until import until

pytestmark = [pytest.mark.server, pytest.mark.slow]

APP = """\
import json, os
def handler(event, context):
    told = {{"code": {code!r}, "variable": os.environ["AWS_LAMBDA_FUNCTION_VERSION"], "version": context.function_version}}
    print("told", json.dumps(told | {{"arn": context.invoked_function_arn, "table": os.environ["TABLE"]}}))
"""
ARN = "arn:aws:lambda:us-east-1:000000000000:function:worker"


class Worker:
    """The function and its configuration, as a developer changes them."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self.scene = scene
        self.code = folder / "worker"
        self.code.mkdir()

    def write(self, code: str, **settings: Any) -> Daemon:
        """New code, and a configuration with these settings; returns the daemon for it, not started."""
        (self.code / "app.py").write_text(APP.format(code=code))
        variables = self.scene.variables() | {"TABLE": code}
        self.scene.function(code=str(self.code), environment=variables, **settings)
        return self.scene.daemon()


def pollerd(*arguments: str | Path, code: int = 0) -> str:
    ended = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == code, ended.stderr
    return ended.stdout if code == 0 else ended.stderr


def told(daemon: Daemon) -> list[dict[str, str]]:
    lines = [str(line.get("event", "")) for line in daemon.lines()]
    return [json.loads(line.removeprefix("told ")) for line in lines if line.startswith("told ")]


def test_two_versions_share_the_messages_of_a_queue(scene: Scene, tmp_path: Path) -> None:
    queue = scene.queue()
    scene.mapping("work", queue.name, f"{ARN}:live", batch_size=1)
    worker = Worker(scene, tmp_path)
    for number, code in (("1", "one"), ("2", "two")):
        config = worker.write(code).config
        assert pollerd("publish", "worker", "--config", config, "--json", code=78).count("no alias 'live'") == 1
        config = worker.write(code, aliases={"live": {"version": "1", "weights": {"2": 0.5}}}).config
        assert pollerd("publish", "worker", "--config", config) == f"{number}\n"
    daemon = worker.write("three", aliases={"live": {"version": "1", "weights": {"2": 0.5}}}, reserved_concurrency=4)
    queue.send(60)
    daemon.start()
    until(lambda: len(told(daemon)) >= 60, "all messages are handled")
    queue.wait_empty()
    found = Counter(json.dumps(line) for line in told(daemon))
    expected = [
        {"code": code, "variable": number, "version": number, "arn": f"{ARN}:live", "table": code}
        for code, number in (("one", "1"), ("two", "2"))
    ]
    assert set(found) == set(map(json.dumps, expected))
    assert min(found.values()) >= 10, found  # of 60 at even chances: fewer than 10 come up once in ten million runs
    starts = [line for line in daemon.lines() if str(line.get("event", "")).startswith("START ")]
    assert all(f"[{line['event'].rsplit(' ', 1)[1]}]" in line["log_stream"] for line in starts)
    daemon.stop()


def test_a_version_runs_as_it_was_published_until_the_alias_moves(scene: Scene, tmp_path: Path) -> None:
    worker = Worker(scene, tmp_path)
    pollerd("publish", "worker", "--config", worker.write("one").config)
    pollerd("publish", "worker", "--config", worker.write("two").config)
    for version, code in (("1", "one"), ("2", "two"), ("$LATEST", "three")):
        config = worker.write("three", aliases={"live": {"version": version}}).config
        log = subprocess.run(
            [PROGRAM, "invoke", "worker:live", "--config", config],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stderr
        [line] = [json.loads(line) for line in log.splitlines() if '"told ' in line]
        seen = json.loads(line["event"].removeprefix("told "))
        assert seen == {"code": code, "variable": version, "version": version, "arn": f"{ARN}:live", "table": code}
    rows = json.loads(pollerd("versions", "worker", "--config", config, "--json"))
    assert [(row["version"], row["aliases"]) for row in rows] == [("$LATEST", {"live": 1}), ("1", {}), ("2", {})]
    assert "version 2 of worker" not in pollerd("versions", "worker", "--config", config, "--delete", "2")
    assert pollerd("versions", "worker", "--config", config, "--delete", "2", code=2) == "worker has no version 2\n"
    assert pollerd("publish", "worker", "--config", config) == "3\n"


def test_a_daemon_does_not_start_with_an_alias_to_nothing(scene: Scene, tmp_path: Path) -> None:
    config = Worker(scene, tmp_path).write("one", aliases={"live": {"version": "1"}}).config
    said = pollerd("run", config, code=78)
    assert "functions.worker.aliases.live.version: worker has no version 1; none is published" in said
