"""A function that runs elsewhere: what is said of one that cannot work."""

from __future__ import annotations

import pytest

from poller.settings.load import load
from poller.settings.model import RemoteSettings
from tests.unit.settings.pretended import MAPPING, Write, complaints

HERE = "{code: ./code, runtime: python3.11, handler: app.handler}"


def text(remote: str, more: str = "") -> str:
    assert HERE in MAPPING
    return MAPPING.replace(HERE, f"{{remote: {remote}{more}}}")


def test_an_endpoint_is_enough(write: Write) -> None:
    settings = load(
        write(text('{endpoint_url: "http://127.0.0.1:8080"}', ", timeout_seconds: 9, reserved_concurrency: 1"))
    )
    function = settings.functions["orders"]
    assert function.remote == RemoteSettings(endpoint_url="http://127.0.0.1:8080")
    assert (function.code, function.timeout_seconds) == ("", 9)


def test_without_remote_the_function_has_to_be_here(write: Write) -> None:
    text = MAPPING.replace(HERE, "{timeout_seconds: 3}")
    assert complaints(write(text)) == ["pollerd.yaml:3:3: functions.orders.code: this key is required"]


@pytest.mark.parametrize("key", ["code: ./code", "runtime: python3.11", "handler: app.handler", "memory_mb: 256",
                                 "environment: {TABLE: t}", "aliases: {live: {version: 1}}",
                                 "per_execution_environment_max_concurrency: 2"])  # fmt: skip
def test_what_counts_where_it_runs_is_not_taken_here(write: Write, key: str) -> None:
    [complaint] = complaints(write(text('{endpoint_url: "http://127.0.0.1:8080"}', f", {key}")))
    assert (
        f"functions.orders.{key.partition(':')[0]}: a function with remote has this where it runs; leave it out"
        in complaint
    )


AWS = "endpoint_url: this is real AWS, which is not contacted unless told to; name another server, or set allow_aws: true here"
SERVER = 'endpoint_url: "http://127.0.0.1:8080"'


@pytest.mark.parametrize(("remote", "complaint"), [
    ("{}", AWS),
    ('{endpoint_url: "https://lambda.eu-west-1.amazonaws.com"}', AWS),
    ("{endpoint_url: nowhere}", "endpoint_url: 'nowhere' is not the URL of a server, such as http://127.0.0.1:4566"),
    (f"{{{SERVER}, access_key_id: a}}", "access_key_id: access_key_id and secret_access_key go together"),
    (f"{{{SERVER}, session_token: a}}", "session_token: a session token goes with access_key_id and secret_access_key"),
    ("{allow_aws: true, profile: p, access_key_id: a, secret_access_key: b}", "profile: profile and keys exclude each other"),
    (f"{{{SERVER}, profile: p}}", "profile: a profile may ask AWS for keys; name the keys, or set allow_aws: true here"),
    (f"{{{SERVER}, function: 'a b'}}", "function: 'a b' is no function's name or ARN"),
    (f"{{{SERVER}, function: 'f:3', qualifier: live}}",
     "qualifier: The derived qualifier from the function name does not match the specified qualifier."),
    (f"{{{SERVER}, qualifier: 'a b'}}", "qualifier: 'a b' is not a version number, an alias or $LATEST"),
    (f"{{{SERVER}, concurrency: 0}}", "concurrency: 0 is out of range: 1 or more"),
    (f"{{{SERVER}, handler: a.b}}", "handler: unknown key; known are"),
])  # fmt: skip
def test_a_remote_that_cannot_work(write: Write, remote: str, complaint: str) -> None:
    [found] = complaints(write(text(remote)))
    assert f"functions.orders.remote.{complaint}" in found


def test_aws_itself_takes_a_word(write: Write) -> None:
    remote = load(write(text("{allow_aws: true, region: eu-west-1, profile: p}"))).functions["orders"].remote
    assert remote == RemoteSettings(allow_aws=True, region="eu-west-1", profile="p")


def test_its_secrets_are_not_shown() -> None:
    remote = RemoteSettings(access_key_id="hunter1", secret_access_key="hunter2", session_token="hunter3")
    assert "hunter" not in repr(remote)
