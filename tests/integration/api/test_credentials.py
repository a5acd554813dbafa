"""Who gets in: keys with boto3's own signatures, tokens, TLS, client certificates."""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from poller.cli.daemon import Daemon
from poller.control.api.access import Access
from poller.control.api.contract import Call, Caller
from poller.control.api.front import Front
from poller.control.guard import Guard
from poller.control.port import Port, PortError
from poller.control.token import token
from poller.observe.metrics import Metrics
from poller.settings.model import HttpSettings, KeySettings, Settings, TlsSettings
from tests import kafka_server, servers
from tests.integration.api.front_served import KEY, SECRET, client, served

KEYS = {
    KEY: KeySettings(secret_access_key=SECRET),
    "AUDITOR": KeySettings(secret_access_key=SECRET, read_only=True),
    "ORDERS": KeySettings(secret_access_key=SECRET, functions=("orders",)),
}
WORD = "a-token-of-many-letters"


class Stand:
    """A front with keys: handlers that keep who called."""

    def __init__(self, http: HttpSettings) -> None:
        self.callers: list[Caller] = []
        self.now = time.time()
        access = Access(http, account="000000000000", region="us-east-1", now=lambda: self.now)
        handlers = dict.fromkeys(("ListFunctions", "GetAlias", "Invoke", "DeleteFunction"), self.handle)
        self.front = Front(handlers, access, logs={"DescribeLogGroups": self.handle})

    async def handle(self, call: Call) -> Mapping[str, Any]:
        self.callers.append(call.caller)
        return {}


@contextmanager
def keyed(folder: Path) -> Iterator[tuple[Stand, str]]:
    http = HttpSettings(listen="127.0.0.1:0", keys=KEYS)
    stand = Stand(http)
    with served(stand.front, folder, http) as url:
        yield stand, url


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_boto3s_requests_get_in_with_their_key(tmp_path: Path) -> None:
    with keyed(tmp_path) as (stand, url), client("lambda", url) as asking, client("logs", url) as logs:
        asking.list_functions(Marker="a b+c/ü", MaxItems=3)
        asking.get_alias(FunctionName="arn:aws:lambda:us-east-1:000000000000:function:f", Name="a")
        asking.invoke(FunctionName="f", Payload=b'{"a": "\xc3\xa9"}', ClientContext="e30=")
        logs.describe_log_groups(logGroupNamePrefix="/aws/lambda")
    assert [caller.access_key_id for caller in stand.callers] == [KEY] * 4
    assert {caller.address for caller in stand.callers} == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"secret": SECRET + "x"}, "InvalidSignatureException"),
        ({"key": "NOBODY"}, "UnrecognizedClientException"),
        ({"region": "eu-west-1"}, "InvalidSignatureException"),
        ({"aws_session_token": "of another place"}, "UnrecognizedClientException"),
    ],
)
def test_others_do_not_get_in(tmp_path: Path, given: dict[str, str], expected: str) -> None:
    with (
        keyed(tmp_path) as (stand, url),
        client("lambda", url, **given) as asking,
        pytest.raises(ClientError) as raised,
    ):
        asking.list_functions()
    assert (code(raised), raised.value.response["ResponseMetadata"]["HTTPStatusCode"]) == (expected, 403)
    assert stand.callers == []


def test_who_signs_nothing_is_told_what_is_missing(tmp_path: Path) -> None:
    with keyed(tmp_path) as (_, url), pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(f"{url}/2015-03-31/functions")
    with raised.value as error:
        assert (error.code, json.load(error)) == (403, {"message": "Missing Authentication Token"})


def test_a_clock_that_is_off_is_told_so(tmp_path: Path) -> None:
    with keyed(tmp_path) as (stand, url), client("lambda", url) as asking:
        stand.now += 3600
        with pytest.raises(ClientError, match="Signature expired") as raised:
            asking.list_functions()
    assert code(raised) == "InvalidSignatureException"


def test_a_presigned_url_gets_in_until_it_expires(tmp_path: Path) -> None:
    with keyed(tmp_path) as (stand, url):
        request = AWSRequest("GET", f"{url}/2015-03-31/functions?MaxItems=2")
        SigV4QueryAuth(Credentials(KEY, SECRET), "lambda", "us-east-1", expires=900).add_auth(request)
        with urllib.request.urlopen(request.url) as answer:
            assert answer.status == 200
        for broken in (request.url.replace("MaxItems=2", "MaxItems=3"), request.url + "&Marker=x"):
            with pytest.raises(urllib.error.HTTPError) as raised:
                urllib.request.urlopen(broken)
            raised.value.close()
        stand.now += 1000
        with pytest.raises(urllib.error.HTTPError) as late:
            urllib.request.urlopen(request.url)
        late.value.close()
    assert [caller.access_key_id for caller in stand.callers] == [KEY]


def test_a_key_does_what_it_is_for_and_no_more(tmp_path: Path) -> None:
    with keyed(tmp_path) as (stand, url):
        with client("lambda", url, key="AUDITOR") as auditor:
            auditor.list_functions()
            auditor.invoke(FunctionName="orders", InvocationType="DryRun")
            with pytest.raises(
                ClientError, match=r"not authorized to perform: lambda:DeleteFunction on resource: .*:function:f "
            ) as raised:
                auditor.delete_function(FunctionName="f")
            with pytest.raises(ClientError, match="lambda:InvokeFunction"):
                auditor.invoke(FunctionName="orders")
        with client("lambda", url, key="ORDERS") as orders:
            orders.invoke(FunctionName="orders:live")
            with pytest.raises(ClientError, match="AccessDenied"):
                orders.invoke(FunctionName="bills")
            with pytest.raises(ClientError, match="AccessDenied"):
                orders.list_functions()
    assert code(raised) == "AccessDeniedException"
    assert [(caller.access_key_id, caller.functions) for caller in stand.callers] == [
        ("AUDITOR", None),
        ("AUDITOR", None),
        ("ORDERS", frozenset({"orders"})),
    ]


def test_an_invocation_that_takes_the_short_way_is_judged_like_others(tmp_path: Path) -> None:
    http = HttpSettings(listen="127.0.0.1:0", keys=KEYS)

    async def never(_: object) -> Any:
        raise AssertionError

    access = Access(http, account="000000000000", region="us-east-1", now=time.time)
    with served(Front({}, access, raw={"Invoke": never}), tmp_path, http) as url:
        with client("lambda", url, key="ORDERS") as orders, pytest.raises(ClientError, match="AccessDenied"):
            orders.invoke(FunctionName="bills")
        with client("lambda", url, secret="x" * 16) as forger, pytest.raises(ClientError, match="InvalidSignature"):
            forger.invoke(FunctionName="orders")


PAGES = ["/healthz", "/readyz", "/metrics"]


@pytest.mark.parametrize("page", PAGES)
def test_pages_take_a_token_where_there_is_one(tmp_path: Path, page: str) -> None:
    http = HttpSettings(listen="127.0.0.1:0", token=WORD)
    with served(Front({}), tmp_path, http) as url:
        assert seen(url + page) == 401
        assert seen(url + page, "Bearer wrong") == 401
        assert seen(url + page, f"Basic {WORD}") == 401
        assert seen(url + page, f"Bearer {WORD}") == 200
        assert seen(url + page, f"Bearer {token(tmp_path)}") == 200


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_loopbacks_own_without_one(tmp_path: Path, page: str) -> None:
    with served(Front({}), tmp_path) as url:
        assert seen(url + page) == 200


@pytest.mark.parametrize(
    ("http", "asks"),
    [
        (HttpSettings(), False),
        (HttpSettings(keys=KEYS), False),
        (HttpSettings(listen="0.0.0.0:0", keys=KEYS), True),
        (HttpSettings(token=WORD), True),
        (HttpSettings(tls=TlsSettings(certificate="c", private_key="k")), False),
        (HttpSettings(tls=TlsSettings(certificate="c", private_key="k", client_ca="a")), True),
    ],
)
def test_pages_ask_where_others_reach_them(tmp_path: Path, http: HttpSettings, asks: bool) -> None:
    assert Guard(http, tmp_path).asks is asks


def seen(url: str, authorization: str = "", context: ssl.SSLContext | None = None) -> int:
    """The status of a page."""
    request = urllib.request.Request(url, headers={"Authorization": authorization} if authorization else {})
    try:
        with urllib.request.urlopen(request, context=context) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    try:
        kafka_server.make_certificates(folder)
    except servers.Unavailable as reason:
        pytest.skip(str(reason))
    return folder


def tls(certificates: Path, **more: Any) -> HttpSettings:
    own = TlsSettings(
        certificate=str(certificates / "broker.pem"), private_key=str(certificates / "broker.key"), **more
    )
    return HttpSettings(listen="127.0.0.1:0", tls=own)


def test_clients_of_tls_need_nothing_but_the_authority(tmp_path: Path, certificates: Path) -> None:
    authority = str(certificates / "authority.pem")
    stand = Stand(tls(certificates))
    with served(stand.front, tmp_path, tls(certificates)) as url:
        assert url.startswith("https://")
        with client("lambda", url, verify=authority) as asking:
            asking.list_functions()
        assert seen(f"{url}/healthz", context=ssl.create_default_context(cafile=authority)) == 200
    assert len(stand.callers) == 1


def test_a_client_ca_lets_its_own_in(tmp_path: Path, certificates: Path) -> None:
    authority = str(certificates / "authority.pem")
    http = tls(certificates, client_ca=authority)
    stand = Stand(http)
    pair = (str(certificates / "client.pem"), str(certificates / "client.key"))
    without = ssl.create_default_context(cafile=authority)
    with served(stand.front, tmp_path, http) as url:
        made = boto3.client(
            "lambda",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
            verify=authority,
            config=Config(client_cert=pair),
        )
        made.list_functions()
        made.close()
        with client("lambda", url, verify=authority) as asking, pytest.raises(ClientError, match="client certificate"):
            asking.list_functions()
        within = ssl.create_default_context(cafile=authority)
        within.load_cert_chain(*pair)
        assert seen(f"{url}/metrics", context=within) == 200
        assert seen(f"{url}/metrics", context=without) == 401
        stranger = ssl.create_default_context(cafile=authority)
        stranger.load_cert_chain(certificates / "stranger.pem", certificates / "stranger.key")
        with pytest.raises((urllib.error.URLError, ssl.SSLError, ConnectionError)):
            seen(f"{url}/metrics", context=stranger)
    assert len(stand.callers) == 1


def test_the_command_line_knows_a_daemon_by_its_certificate(tmp_path: Path, certificates: Path) -> None:
    http = tls(certificates, client_ca=str(certificates / "authority.pem"))
    settings = Settings(state=str(tmp_path), http=http)
    with served(Front({}), tmp_path, http) as url:
        answer = Daemon(settings, url)._told("GET", "/readyz", None, 10)
    assert answer["ready"] is True


async def test_files_that_are_no_certificates_end_the_start(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("hello")
    own = TlsSettings(certificate=str(tmp_path / "x.pem"), private_key=str(tmp_path / "x.pem"))
    http = HttpSettings(listen="127.0.0.1:0", tls=own)
    port = Port(Metrics(), dict, dict, guard=Guard(http, tmp_path))
    with pytest.raises(PortError, match=r"http\.tls: certificate"):
        await port.open(http)
