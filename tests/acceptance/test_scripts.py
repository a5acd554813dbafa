"""Scripts that were written for AWS run as they are: one by boto3, one by the AWS CLI. The environment says where."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults.scene import Scene
from tests.servers import Server

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(300)]

SCRIPTS = Path(__file__).parent / "scripts"
BIN = Path(sys.executable).parent


def runs(command: Sequence[str | Path], scene: Scene, server: Server, folder: Path) -> None:
    """Run it beside a daemon; whatever it calls of Lambda and its logs goes there, the rest to the server."""
    daemon = scene.daemon()
    daemon.start()
    url = next(line["url"] for line in daemon.logged("port opened"))
    done = subprocess.run(
        command,
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": server.url,
            "SQS_URL": server.url,
            "AWS_ENDPOINT_URL_LAMBDA": url,
            "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}\n{daemon.tail()}"
    assert done.stdout.endswith("done\n")
    assert not daemon.logged("defect found"), daemon.tail()
    daemon.stop()


def test_boto3(scene: Scene, ministack: Server, tmp_path: Path) -> None:
    runs([sys.executable, SCRIPTS / "lifecycle.py"], scene, ministack, tmp_path)


def test_the_aws_cli(scene: Scene, ministack: Server, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    runs(["sh", SCRIPTS / "lifecycle.sh"], scene, ministack, folder)
