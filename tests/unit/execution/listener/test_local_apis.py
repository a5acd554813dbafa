"""The metadata and the credentials endpoint, without sockets."""

from __future__ import annotations

import pytest

from poller.execution.listener.local_apis import Credentials, CredentialsApi, MetadataApi
from poller.execution.runtime_api import RuntimeApi
from tests.fakes.wire import Client


@pytest.fixture
async def runtime() -> RuntimeApi:
    return RuntimeApi(lambda _port: True)


@pytest.mark.parametrize(
    ("method", "path", "authorization", "status"),
    [
        ("GET", "", "Bearer t", 200),
        ("GET", "", "Bearer x", 401),
        ("GET", "", "", 401),
        ("POST", "", "Bearer t", 405),
        ("GET", "/more", "Bearer t", 404),
    ],
)
async def test_metadata(runtime: RuntimeApi, method: str, path: str, authorization: str, status: int) -> None:
    runtime.serve(MetadataApi("t", "use1-az1"))
    headers = {"Authorization": authorization} if authorization else {}
    reply = Client(runtime.listener.connection()).answer(
        method, "/2026-01-15/metadata/execution-environment" + path, None, headers
    )
    assert reply.status == status
    if status == 200:
        assert reply.json == {"AvailabilityZoneID": "use1-az1"}
        assert reply.headers["Cache-Control"] == "private, max-age=43200, immutable"


async def test_credentials_are_for_who_knows_the_token(runtime: RuntimeApi) -> None:
    current = Credentials(
        access_key_id="a", secret_access_key="s", session_token="t", expiration="2026-01-02T15:04:05Z"
    )
    runtime.serve(CredentialsApi("word", lambda: current))
    path = "/2021-04-23/credentials"
    assert Client(runtime.listener.connection()).answer("GET", path, None, {"Authorization": "word"}).json == {
        "AccessKeyId": "a", "SecretAccessKey": "s", "Token": "t", "Expiration": "2026-01-02T15:04:05Z",
    }  # fmt: skip
    assert (
        Client(runtime.listener.connection()).answer("GET", path, None, {"Authorization": "Bearer word"}).status == 404
    )
