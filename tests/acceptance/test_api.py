"""The API of a daemon, by boto3 and by the metrics it leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.acceptance.test_port import samples
from tests.faults.daemon import Daemon
from tests.faults.scene import Scene

pytestmark = [pytest.mark.server, pytest.mark.slow]

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@contextmanager
def lambda_(daemon: Daemon, secret: str) -> Iterator[Any]:
    url = next(line["url"] for line in daemon.logged("port opened"))
    client = boto3.client(
        "lambda",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="admin",
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield client
    client.close()


def test_a_daemon_answers_who_has_a_key(scene: Scene) -> None:
    daemon = scene.daemon(http={"listen": "127.0.0.1:0", "keys": {"admin": {"secret_access_key": SECRET}}})
    daemon.start()
    with lambda_(daemon, SECRET) as asking, pytest.raises(ClientError) as refused:
        asking.list_capacity_providers()
    with lambda_(daemon, SECRET + "x") as forging, pytest.raises(ClientError) as forged:
        forging.list_capacity_providers()
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"
    assert (
        "pollerd does not offer ListCapacityProviders: capacity providers are"
        in refused.value.response["Error"]["Message"]
    )
    assert forged.value.response["Error"]["Code"] == "InvalidSignatureException"
    assert samples(daemon)["pollerd_api_requests_total", ""] == 2
    assert SECRET not in daemon.tail()
    daemon.stop()


def test_a_port_that_others_reach_takes_keys(scene: Scene) -> None:
    daemon = scene.daemon(http={"listen": "0.0.0.0:0"})
    daemon.spawn()
    assert daemon.wait() == 78
    assert "0.0.0.0 can be reached from elsewhere, and nothing asks who comes; give http.keys" in daemon.tail()
