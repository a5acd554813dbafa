"""What is wrong with a Kafka source's options is told with the option to blame, and never with a secret."""

from __future__ import annotations

from typing import Any

import pytest
from kafka import errors as client

from connectors.contract import Missing, OptionsError, Refused, SourceError, Throttled, Unreachable
from connectors.kafka.errors import Place, translate
from connectors.kafka.options import KafkaOptions, OauthOptions
from connectors.kafka.source import KafkaSource

PLACE = Place("b1:9092, b2:9092", "orders", "workers", "user alice (PLAIN)")
OAUTH = OauthOptions(token_endpoint_url="https://login/token", client_id="me", client_secret="s3cret")


def options(**more: Any) -> KafkaOptions:
    return KafkaOptions(**({"bootstrap_servers": ["127.0.0.1:9092"], "topic": "orders"} | more))


@pytest.mark.parametrize(
    "servers", [["b1:9092"], ["[::1]:9092", "b-1.orders.kafka.us-east-1.amazonaws.com:9098"], ("10.0.0.1:65535",)]
)
def test_brokers_are_hosts_with_ports(servers: Any) -> None:
    KafkaSource(options(bootstrap_servers=servers))


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("bootstrap_servers", {"bootstrap_servers": []}),
        ("bootstrap_servers", {"bootstrap_servers": ["b1"]}),
        ("bootstrap_servers", {"bootstrap_servers": ["b1:0"]}),
        ("bootstrap_servers", {"bootstrap_servers": ["b1:65536"]}),
        ("bootstrap_servers", {"bootstrap_servers": ["kafka://b1:9092"]}),
        ("topic", {"topic": ""}),
        ("topic", {"topic": ".."}),
        ("topic", {"topic": "a b"}),
        ("topic", {"topic": "x" * 250}),
        ("consumer_group_id", {"consumer_group_id": "x" * 201}),
        ("group_instance_id", {"group_instance_id": "node 1"}),
        ("cluster_arn", {"cluster_arn": "arn:aws:sqs:us-east-1:000000000000:orders"}),
        ("session_timeout_seconds", {"session_timeout_seconds": 300}),
        ("username", {"sasl_mechanism": "PLAIN"}),
        ("password", {"sasl_mechanism": "SCRAM-SHA-512", "username": "alice"}),
        ("username", {"username": "alice"}),
        ("password", {"password": "s3cret"}),
        ("username", {"sasl_mechanism": "OAUTHBEARER", "oauth": OAUTH, "username": "alice"}),
        ("oauth", {"sasl_mechanism": "OAUTHBEARER"}),
        ("oauth", {"oauth": OAUTH}),
        (
            "oauth",
            {"sasl_mechanism": "OAUTHBEARER", "oauth": OauthOptions(**{**vars(OAUTH), "token_endpoint_url": "x"})},
        ),
    ],
)
def test_options_that_can_never_work_are_refused(field: str, more: dict[str, Any]) -> None:
    given = options(**more)
    with pytest.raises(OptionsError) as caught:
        KafkaSource(given)
    assert caught.value.field == field
    assert "s3cret" not in str(caught.value) + repr(given)


@pytest.mark.parametrize(
    ("error", "kind", "begins"),
    [
        (client.IllegalSaslStateError(), Refused, "SASL authentication failed: b1:9092, b2:9092 takes no login: leave"),
        (
            client.KafkaConnectionError("111 ECONNREFUSED"),
            Unreachable,
            "cannot reach b1:9092, b2:9092: connection refused",
        ),
        (client.SaslAuthenticationFailedError("the password s3cret"), Refused, "SASL authentication failed"),
        (client.UnsupportedSaslMechanismError(), Refused, "SASL authentication failed"),
        (
            client.TopicAuthorizationFailedError({"orders"}),
            Refused,
            "Cluster failed to authorize Lambda: no permission for topic orders",
        ),
        (
            client.GroupAuthorizationFailedError("g"),
            Refused,
            "Cluster failed to authorize Lambda: no permission for consumer group workers",
        ),
        (client.ClusterAuthorizationFailedError(), Refused, "Cluster failed to authorize Lambda"),
        (client.UnknownTopicOrPartitionError("orders"), Missing, "b1:9092, b2:9092 has no topic orders"),
        (client.ThrottlingQuotaExceededError(), Throttled, "b1:9092"),
        (client.InconsistentGroupProtocolError(), Refused, "other members of consumer group workers"),
        (client.InvalidSessionTimeoutError(), Refused, "b1:9092, b2:9092 does not allow this session_timeout_seconds"),
        (client.UnsupportedCodecError("snappy"), SourceError, "topic orders is compressed"),
        (client.KafkaConnectionError("gone"), Unreachable, "cannot reach"),
        (client.KafkaTimeoutError(), Unreachable, "cannot reach"),
        (client.NotCoordinatorError(), Unreachable, "cannot reach"),
        (OSError("no route"), Unreachable, "cannot reach"),
        (client.CorruptRecordError(), SourceError, "the client of"),
        (OptionsError("tls", "the file is gone"), Refused, "the file is gone"),
        (ExceptionGroup("", [client.KafkaConnectionError(), client.SaslAuthenticationFailedError()]), Refused, "SASL"),
        (ExceptionGroup("", [client.KafkaConnectionError(), client.KafkaTimeoutError()]), Unreachable, "cannot reach"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_errors_of_the_client_are_sentences(error: Exception, kind: type[SourceError], begins: str) -> None:
    said = translate(error, PLACE)
    assert type(said) is kind
    assert str(said).startswith(begins)
    assert "s3cret" not in str(said)
