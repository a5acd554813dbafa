"""Logins and TLS on Apache Kafka: each way that works, and what is said of each that does not."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
import time
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from connectors.contract import Discard, OptionsError, Refused, SourceError, Unreachable
from connectors.kafka.options import KafkaOptions, OauthOptions, TlsOptions
from connectors.kafka.source import KafkaSource
from connectors.testing import Relay
from tests.contract.kafka_steps import opened, receive, settled, source_of
from tests.kafka_server import KEY_PASSWORD, PASSWORD, USER, Broker, Certificates, Cluster
from tests.kafka_topics import Sent, Topic, topic

pytestmark = pytest.mark.server

SECRETS = (PASSWORD, KEY_PASSWORD, "the client's secret", "wrong password")


@pytest.fixture
def filled(kafka: Cluster) -> Iterator[Topic]:
    with topic(kafka.servers, 1) as made:
        made.send([Sent(b"hello")])
        yield made


@pytest.fixture
def broker(kafka: Cluster) -> Broker:
    return kafka.brokers[0]


@pytest.fixture
def certificates(kafka: Cluster) -> Certificates:
    assert kafka.certificates is not None
    return kafka.certificates


class Tokens(BaseHTTPRequestHandler):
    """A token endpoint that gives tokens as the broker takes them: unsigned."""

    def do_POST(self) -> None:
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        asked: list[dict[str, list[str]]] = self.server.asked  # type: ignore[attr-defined]  # a part of its own
        asked.append(form)
        known = form.get("client_secret") == ["the client's secret"]
        now = int(time.time())
        claims = {"sub": form["client_id"][0], "iat": now, "exp": now + 3600, "scope": "kafka"}
        token = ".".join([_part({"alg": "none"}), _part(claims), ""])
        answer = {"access_token": token, "expires_in": 3600} if known else {"error": "invalid_client"}
        body = json.dumps(answer).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def tokens() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Tokens)
    server.asked = []  # type: ignore[attr-defined]  # a part of its own
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("encrypted", [False, True])
async def test_passwords_log_in(
    filled: Topic, broker: Broker, certificates: Certificates, mechanism: str, encrypted: bool
) -> None:
    port = broker.sasl_tls_port if encrypted else broker.sasl_port
    tls = TlsOptions(ca_file=str(certificates.authority)) if encrypted else None
    await reads(options_of(filled, port, tls=tls, sasl_mechanism=mechanism, username=USER, password=PASSWORD))


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_wrong_password_is_told_without_it(filled: Topic, broker: Broker, mechanism: str) -> None:
    wrong = {"sasl_mechanism": mechanism, "username": USER, "password": "wrong password"}
    said = await refused(options_of(filled, broker.sasl_port, **wrong))
    assert said.startswith(f"SASL authentication failed: 127.0.0.1:{broker.sasl_port} does not accept user {USER}")


async def test_a_certificate_logs_in(filled: Topic, broker: Broker, certificates: Certificates) -> None:
    await reads(options_of(filled, broker.tls_port, tls=client_tls(certificates)))


async def test_failure_records_take_the_same_login(
    filled: Topic, kafka: Cluster, broker: Broker, certificates: Certificates
) -> None:
    with topic(kafka.servers, 1) as failures:
        source = source_of(options_of(filled, broker.tls_port, tls=client_tls(certificates)))
        async with opened(source):
            records = await receive(source, 1)
        destination = source.destination(failures.name)
        await destination.deliver(
            Discard(mapping="m", partition="p", moment=0.0, record={}, event=b"{}", records=records)
        )
        await destination.close()
        async with opened(source_of(KafkaOptions(bootstrap_servers=failures.servers, topic=failures.name))) as written:
            assert len(await receive(written, 1)) == 1


async def test_a_server_that_asks_for_a_certificate_and_gets_none_is_told(
    filled: Topic, broker: Broker, certificates: Certificates
) -> None:
    tls = TlsOptions(ca_file=str(certificates.authority))
    assert (await refused(options_of(filled, broker.tls_port, tls=tls))).startswith(
        "Server failed to authenticate Lambda"
    )


async def test_a_server_that_nobody_vouches_for_is_told(
    filled: Topic, broker: Broker, certificates: Certificates
) -> None:
    tls = TlsOptions(ca_file=str(certificates.stranger))
    login = {"sasl_mechanism": "PLAIN", "username": USER, "password": PASSWORD}
    said = await refused(options_of(filled, broker.sasl_tls_port, tls=tls, **login))
    assert said.startswith("Lambda failed to authenticate server")


async def test_a_server_of_another_name_is_told(filled: Topic, broker: Broker, certificates: Certificates) -> None:
    """The address is not in its certificate."""
    async with Relay(broker.tls_port, "127.0.0.2") as relay:
        given = {"tls": client_tls(certificates), "bootstrap_servers": [f"127.0.0.2:{relay.port}"]}
        said = await refused(options_of(filled, broker.tls_port, **given))
    assert said.startswith("Lambda failed to authenticate server")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key_password": "wrong password"}, "private key is invalid"),
        ({"key_password": ""}, "private key is invalid"),
        ({"key_file": ""}, "private key is invalid"),
        ({"certificate_file": "/nowhere.pem"}, "No such file"),
        ({"ca_file": "/nowhere.pem"}, "No such file"),
        ({"certificate_file": ""}, "needs tls.certificate_file"),
    ],
)
def test_certificates_that_cannot_be_used_are_an_error_at_start(
    filled: Topic, certificates: Certificates, change: dict[str, str], said: str
) -> None:
    given = {field: getattr(client_tls(certificates), field) for field in TlsOptions.__dataclass_fields__}
    with pytest.raises(OptionsError, match=said) as caught:
        KafkaSource(options_of(filled, 1, tls=TlsOptions(**(given | change))))
    assert caught.value.field == "tls"
    assert not any(secret in str(caught.value) for secret in SECRETS)


async def test_a_token_logs_in_and_is_kept(filled: Topic, broker: Broker, tokens: HTTPServer) -> None:
    await reads(options_of(filled, broker.sasl_port, **oauth(tokens, scope="kafka", audience="brokers")))
    (asked,) = tokens.asked  # type: ignore[attr-defined]  # a part of its own
    assert asked == {
        "grant_type": ["client_credentials"],
        "client_id": [USER],
        "client_secret": ["the client's secret"],
        "scope": ["kafka"],
        "audience": ["brokers"],
    }


async def test_a_token_endpoint_that_refuses_is_told_without_the_secret(
    filled: Topic, broker: Broker, tokens: HTTPServer
) -> None:
    said = await refused(options_of(filled, broker.sasl_port, **oauth(tokens, client_secret="wrong password")))
    assert said.startswith("SASL authentication failed")
    assert "HTTP 401" in said


async def test_a_token_endpoint_that_is_away_is_told(filled: Topic, broker: Broker, tokens: HTTPServer) -> None:
    options = options_of(filled, broker.sasl_port, **oauth(tokens, token_endpoint_url="http://127.0.0.1:1/token"))
    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:1/token"):
        await source_of(options).open()


async def test_a_plain_listener_does_not_speak_tls(filled: Topic, certificates: Certificates) -> None:
    port = int(filled.servers[0].rpartition(":")[2])
    with pytest.raises(SourceError):
        await source_of(options_of(filled, port, tls=client_tls(certificates))).open()


async def test_a_server_that_never_answers_is_given_up(filled: Topic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.kafka.loop.CONNECT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        with pytest.raises(Unreachable):
            await asyncio.wait_for(source_of(options_of(filled, mute.getsockname()[1], tls=TlsOptions())).open(), 20)
        with pytest.raises(Unreachable):
            await asyncio.wait_for(source_of(options_of(filled, mute.getsockname()[1])).open(), 20)


def options_of(made: Topic, port: int, **more: Any) -> KafkaOptions:
    return KafkaOptions(**({"bootstrap_servers": [f"127.0.0.1:{port}"], "topic": made.name} | more))


def client_tls(certificates: Certificates) -> TlsOptions:
    return TlsOptions(
        ca_file=str(certificates.authority),
        certificate_file=str(certificates.certificate),
        key_file=str(certificates.key),
        key_password=KEY_PASSWORD,
    )


def oauth(tokens: HTTPServer, **more: str) -> dict[str, Any]:
    given = {
        "token_endpoint_url": f"http://127.0.0.1:{tokens.server_port}/token",
        "client_id": USER,
        "client_secret": "the client's secret",
    }
    return {"sasl_mechanism": "OAUTHBEARER", "oauth": OauthOptions(**(given | more))}


async def reads(options: KafkaOptions) -> None:
    """Whoever logs in so can read and commit."""
    async with opened(source_of(options)) as source:
        records = await receive(source, 1)
        assert not await source.settle(settled(records))


async def refused(options: KafkaOptions) -> str:
    """What is said of a login that does not work; no secret is in it, nor in what is shown of the options."""
    with pytest.raises(Refused) as caught:
        await source_of(options).open()
    said = str(caught.value)
    assert not any(secret in said + repr(options) for secret in SECRETS)
    return said


def _part(claims: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
