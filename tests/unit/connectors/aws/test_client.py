from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore
import pytest
from aiobotocore.session import AioSession

from connectors.aws import client as aws_client
from connectors.aws.client import OPENING_AT_ONCE, Target, acquire, opening, release, resolve
from connectors.aws.options import AwsOptions, check_endpoint, is_aws
from connectors.contract import OptionsError

LOCAL = "http://127.0.0.1:4566"


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], object]:
    """Write the shared AWS configuration file."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return (tmp_path / "config").write_text


@pytest.mark.parametrize(
    "url",
    [
        "https://sqs.us-east-1.amazonaws.com",
        "https://SQS.US-EAST-1.AMAZONAWS.COM:443/",
        "https://sqs.us-east-1.amazonaws.com./",
        "http://queue.amazonaws.com",
        "https://eu-west-1.queue.amazonaws.com",
        "https://sqs.cn-north-1.amazonaws.com.cn",
        "https://sqs.us-east-1.api.aws",
        "https://vpce-1-2.sqs.us-east-1.vpce.amazonaws.com",
        "https://sqs-fips.us-east-1.amazonaws.com",
        "https://x.lambda-url.us-east-1.on.aws",
        "https://gamma.sqs.aws.dev",
        "https://localhost@sqs.us-east-1.amazonaws.com",
    ],
)
def test_real_aws_is_recognised(url: str) -> None:
    assert is_aws(url)


@pytest.mark.parametrize(
    "url",
    [
        LOCAL,
        "http://localhost:4566",
        "http://ministack:4566",
        "http://sqs.us-east-1.localhost.localstack.cloud:4566",
        "https://amazonaws.com.example.org",
        "https://notamazonaws.com",
        "https://laws",
        "http://[::1]:4566",
    ],
)
def test_other_servers_are_not_taken_for_aws(url: str) -> None:
    assert not is_aws(url)


def test_every_partition_that_the_client_knows_is_recognised() -> None:
    partitions = json.loads((Path(botocore.__file__).parent / "data" / "partitions.json").read_text())["partitions"]
    suffixes = {partition["outputs"][key] for partition in partitions for key in ("dnsSuffix", "dualStackDnsSuffix")}
    assert len(suffixes) > 8
    assert [suffix for suffix in suffixes if not is_aws(f"https://sqs.somewhere.{suffix}")] == []


@pytest.mark.parametrize(
    "url",
    ["127.0.0.1:4566", "localhost", "ftp://localhost", "http://", "http://[::1", "http://localhost:port", "http://h:0"],
)
def test_an_endpoint_that_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(OptionsError, match=r"such as http://127\.0\.0\.1:4566") as refused:
        check_endpoint(url)
    assert refused.value.field == "endpoint_url"


def test_a_password_in_an_endpoint_is_refused_and_not_repeated() -> None:
    with pytest.raises(OptionsError) as refused:
        check_endpoint("http://user:hunter2@localhost:port")
    assert "hunter2" not in str(refused.value)


def test_without_any_endpoint_nothing_is_contacted_by_accident() -> None:
    with pytest.raises(OptionsError, match=r"sqs of real AWS.*endpoint_url.*allow_aws: true") as refused:
        resolve(AwsOptions(), "sqs")
    assert refused.value.field == "endpoint_url"


def test_aws_is_refused_from_options() -> None:
    with pytest.raises(OptionsError, match="is real AWS"):
        resolve(AwsOptions(endpoint_url="https://sqs.us-east-1.amazonaws.com"), "sqs")


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS"])
def test_aws_is_refused_from_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "https://sqs.us-east-1.amazonaws.com")
    with pytest.raises(OptionsError, match="is real AWS"):
        resolve(AwsOptions(), "sqs")


def test_aws_is_refused_from_the_profile(configure: Callable[[str], object]) -> None:
    configure("[default]\nendpoint_url = https://sqs.us-east-1.amazonaws.com\n")
    with pytest.raises(OptionsError, match="is real AWS"):
        resolve(AwsOptions(), "sqs")


def test_aws_is_refused_from_the_queues_url() -> None:
    with pytest.raises(OptionsError, match="is real AWS"):
        resolve(AwsOptions(), "sqs", origin="https://sqs.us-east-1.amazonaws.com")


def test_aws_is_contacted_when_allowed() -> None:
    assert resolve(AwsOptions(allow_aws=True, region="eu-west-1"), "sqs").endpoint_url == ""
    assert resolve(AwsOptions(allow_aws=True, region="eu-west-1"), "sqs").server == "AWS in eu-west-1"


def test_the_endpoint_is_sought_in_options_environment_profile_and_the_queues_url_in_this_order(
    configure: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(options: AwsOptions) -> str:
        return resolve(options, "sqs", origin="http://of-the-queue:1").endpoint_url

    assert found(AwsOptions()) == "http://of-the-queue:1"
    configure(
        "[default]\nendpoint_url = http://of-default:1\n"
        "[profile mine]\nservices = these\n[services these]\nsqs =\n  endpoint_url = http://of-mine:1\n"
    )
    assert found(AwsOptions()) == "http://of-default:1"
    assert found(AwsOptions(profile="mine")) == "http://of-mine:1"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://of-environment:1")
    assert found(AwsOptions()) == "http://of-environment:1"
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://of-sqs:1")
    assert found(AwsOptions()) == "http://of-sqs:1"
    assert found(AwsOptions(endpoint_url=LOCAL)) == LOCAL
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert found(AwsOptions()) == "http://of-the-queue:1"


def test_the_region_is_sought_in_options_queue_environment_and_profile_in_this_order(
    configure: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(region: str = "", of_queue: str = "") -> str:
        return resolve(AwsOptions(endpoint_url=LOCAL, region=region), "sqs", region=of_queue).region

    assert found() == "us-east-1"
    configure("[default]\nregion = eu-south-1\n")
    assert found() == "eu-south-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    assert found() == "eu-west-2"
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert found() == "eu-west-1"
    assert found(of_queue="sa-east-1") == "sa-east-1"
    assert found("ca-central-1") == "ca-central-1"


def test_a_region_that_contradicts_the_queues_own_is_refused() -> None:
    options = AwsOptions(endpoint_url=LOCAL, region="us-east-1")
    assert resolve(options, "sqs", region="us-east-1").region == "us-east-1"
    with pytest.raises(OptionsError, match="set region: eu-west-1") as refused:
        resolve(options, "sqs", region="eu-west-1")
    assert refused.value.field == "region"


@pytest.mark.parametrize("text", [None, "[default\n", "[profile other]\n"])
def test_a_profile_that_cannot_be_had_is_refused(text: str | None, configure: Callable[[str], object]) -> None:
    if text is not None:
        configure(text)
    with pytest.raises(OptionsError) as refused:
        resolve(AwsOptions(profile="mine"), "sqs")
    assert refused.value.field == "profile"


@pytest.mark.parametrize("half", [{"access_key_id": "A"}, {"secret_access_key": "S"}])
def test_half_a_key_is_refused(half: dict[str, str]) -> None:
    with pytest.raises(OptionsError, match="go together"):
        resolve(AwsOptions(endpoint_url=LOCAL, **half), "sqs")  # type: ignore[arg-type] # one of two text fields


def test_secrets_are_not_shown() -> None:
    options = AwsOptions(endpoint_url=LOCAL, access_key_id="AKIA", secret_access_key="hunter2", session_token="tok3n")
    shown = repr(resolve(options, "sqs"))
    assert "hunter2" not in shown
    assert "tok3n" not in shown


class FakeClient:
    def __init__(self, target: Target) -> None:
        self.target = target
        self.closed = False

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.closed = True


class Making:
    """In place of making real clients: counts, takes time, fails on demand."""

    def __init__(self) -> None:
        self.made: list[FakeClient] = []
        self.fail = False

    async def __call__(self, target: Target) -> FakeClient:
        await asyncio.sleep(0.01)
        if self.fail:
            raise OSError("no")
        self.made.append(FakeClient(target))
        return self.made[-1]


@pytest.fixture
def making(monkeypatch: pytest.MonkeyPatch) -> Making:
    made = Making()
    monkeypatch.setattr(aws_client, "_make", made)
    return made


def target(endpoint: str = LOCAL) -> Target:
    return resolve(AwsOptions(endpoint_url=endpoint), "sqs")


async def test_all_who_ask_the_same_share_one_client_until_the_last_has_gone(making: Making) -> None:
    clients = await asyncio.gather(*(acquire(target()) for _ in range(1000)))
    assert len(making.made) == 1
    for n in range(1000):
        assert not making.made[0].closed, f"{n} of 1000 users have gone"
        await release(target())
    assert making.made[0].closed
    assert set(clients) == {making.made[0]}


async def test_who_asks_elsewhere_gets_a_client_of_its_own(making: Making) -> None:
    here, there = await acquire(target()), await acquire(target("http://127.0.0.1:4567"))
    assert here is not there
    await release(target())
    assert (here.closed, there.closed) == (True, False)
    await release(target("http://127.0.0.1:4567"))


async def test_after_the_last_user_a_new_client_is_made(making: Making) -> None:
    for _ in range(2):
        await acquire(target())
        await release(target())
    assert [client.closed for client in making.made] == [True, True]


def test_clients_are_not_shared_between_event_loops(making: Making) -> None:
    async def use() -> Any:
        await asyncio.gather(acquire(target()), acquire(target()))
        await release(target())
        await release(target())

    asyncio.run(use())
    asyncio.run(use())
    assert len(making.made) == 2


async def test_a_client_that_cannot_be_made_is_tried_again_by_the_next(making: Making) -> None:
    making.fail = True
    with pytest.raises(OSError, match="no"):
        await acquire(target())
    making.fail = False
    assert await acquire(target()) is making.made[0]
    await release(target())
    assert making.made[0].closed


async def test_a_user_cancelled_while_the_client_is_made_holds_nothing(making: Making) -> None:
    impatient, patient = asyncio.create_task(acquire(target())), asyncio.create_task(acquire(target()))
    await asyncio.sleep(0.005)
    impatient.cancel()
    assert await patient is making.made[0]
    await release(target())
    assert making.made[0].closed


async def credentials(options: AwsOptions) -> tuple[str, str, str | None]:
    session = AioSession(profile=options.profile or None)
    await aws_client._settle_credentials(session, resolve(options, "sqs"))
    found = await session.get_credentials()
    assert found is not None
    return found.access_key, found.secret_key, found.token


async def test_keys_are_sought_in_options_environment_and_profile_and_made_up_for_a_server_that_is_not_aws(
    configure: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await credentials(AwsOptions(endpoint_url=LOCAL)) == ("test", "test", None)
    configure("[default]\naws_access_key_id = of-profile\naws_secret_access_key = p\n")
    assert await credentials(AwsOptions(endpoint_url=LOCAL)) == ("of-profile", "p", None)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "e")
    assert await credentials(AwsOptions(endpoint_url=LOCAL)) == ("of-environment", "e", None)
    mine = AwsOptions(endpoint_url=LOCAL, access_key_id="of-options", secret_access_key="o", session_token="t")
    assert await credentials(mine) == ("of-options", "o", "t")


async def test_no_service_of_aws_is_asked_for_keys_unless_aws_is_allowed(configure: Callable[[str], object]) -> None:
    configure(
        "[default]\nrole_arn = arn:aws:iam::123456789012:role/r\ncredential_source = Environment\n"
        "[profile sso]\nsso_start_url = https://x.awsapps.com/start\nsso_region = us-east-1\n"
        "sso_account_id = 123456789012\nsso_role_name = r\n"
    )
    assert await credentials(AwsOptions(endpoint_url=LOCAL)) == ("test", "test", None)
    assert await credentials(AwsOptions(endpoint_url=LOCAL, profile="sso")) == ("test", "test", None)
    session = AioSession()
    await aws_client._settle_credentials(session, resolve(AwsOptions(allow_aws=True), "sqs"))
    asked = {provider.METHOD for provider in session.get_component("credential_provider").providers}
    assert {"assume-role", "sso", "iam-role", "container-role"} <= asked


async def test_each_server_has_a_line_of_its_own_for_those_that_open(making: Making) -> None:
    hanging, other = target("http://127.0.0.1:1"), target("http://127.0.0.1:2")
    for each in (hanging, hanging, other):
        await acquire(each)
    for _ in range(OPENING_AT_ONCE):
        await opening(hanging).acquire()
    assert opening(target("http://127.0.0.1:1")).locked()
    assert not opening(other).locked()
    for each in (hanging, hanging, other):
        await release(each)


@pytest.mark.parametrize("url", ["http://127.0.0.1:4566", "https://sqs.example.org"])
async def test_a_client_of_another_server_asks_the_one_it_was_given_and_knows_no_list_of_awss(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptions = aws_client._Descriptions()
    monkeypatch.setattr(aws_client, "_of_others", descriptions)
    its = target(url)
    client = await acquire(its)
    try:
        assert (client.meta.endpoint_url, client.meta.region_name) == (url, "us-east-1")
        signer = client._request_signer
        assert (signer.signing_name, signer.region_name, signer.signature_version) == ("sqs", "us-east-1", "v4")
        assert client._endpoint.http_session._verify is not url.startswith("http:")
        assert descriptions.load_data("endpoints")["partitions"] == []
    finally:
        await release(its)


@pytest.mark.parametrize("url", ["", "https://sqs.eu-west-1.amazonaws.com"])
async def test_a_client_of_aws_has_the_whole_list_and_verifies(url: str) -> None:
    its = resolve(
        AwsOptions(endpoint_url=url, allow_aws=True, region="eu-west-1", access_key_id="a", secret_access_key="s"),
        "sqs",
    )
    client = await acquire(its)
    try:
        assert client.meta.endpoint_url == "https://sqs.eu-west-1.amazonaws.com"
        assert client._endpoint.http_session._verify is not False
        assert client._client_config.region_name == "eu-west-1"
        assert aws_client._of_aws.load_data("endpoints")["partitions"]
    finally:
        await release(its)
