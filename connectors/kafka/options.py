"""Options of a Kafka source, named as AWS names them where it does, and what is wrong with them. No I/O but that of local files.

What AWS keeps in SourceAccessConfigurations (reference: event source mappings, 1.3) are plain keys here: a secret is a value of the
configuration, which takes it from the environment or from a file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from urllib.parse import urlsplit

from connectors.contract import OptionsError

SECRET = {"secret": True}  # field metadata: never shown, logged or rendered; such a field also says repr=False

PASSWORD_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
OAUTHBEARER = "OAUTHBEARER"


@dataclass(frozen=True, kw_only=True)
class TlsOptions:
    """TLS to the brokers. The server's certificate and its name are always verified."""

    ca_file: str = field(default="", metadata={"path": True, "example": "./ca.pem"})
    """PEM file with the authorities that are trusted. Empty: those of this host."""
    certificate_file: str = field(default="", metadata={"path": True, "example": "./client.pem"})
    """PEM file with the client's certificate and its chain, for clusters that ask for one (mTLS). Empty: none is shown."""
    key_file: str = field(default="", metadata={"path": True, "example": "./client.key"})
    """PEM file with the private key of certificate_file. Empty: the key is in certificate_file."""
    key_password: str = field(default="", repr=False, metadata=SECRET)
    """Password of the private key. Empty: it is not encrypted."""


@dataclass(frozen=True, kw_only=True)
class OauthOptions:
    """Client credentials flow (RFC 6749, section 4.4) for SASL/OAUTHBEARER."""

    token_endpoint_url: str = field(metadata={"example": "https://login.example.com/token"})
    """Where tokens are had, by POST."""
    client_id: str = field(metadata={"example": "pollerd"})
    """Who asks."""
    client_secret: str = field(repr=False, metadata=SECRET | {"example": "from the environment"})
    """Secret of client_id."""
    scope: str = ""
    """Scope to ask for. Empty: what the server gives."""
    audience: str = ""
    """Audience to ask for. Empty: what the server gives."""
    logical_cluster: str = ""
    """Confluent Cloud: the cluster, sent to the brokers with the token."""
    identity_pool: str = ""
    """Confluent Cloud: the identity pool, sent to the brokers with the token."""
    ca_file: str = field(default="", metadata={"path": True})
    """PEM file with the authorities that are trusted for token_endpoint_url. Empty: those of this host."""


@dataclass(frozen=True, kw_only=True)
class SchemaRegistryOptions:
    """A schema registry that speaks Confluent's REST API. Records that it cannot decode go where failures go."""

    url: str = field(metadata={"example": "http://127.0.0.1:8081"})
    """Where it is."""
    username: str = ""
    """For HTTP basic authentication. Empty: none."""
    password: str = field(default="", repr=False, metadata=SECRET)
    """Of username."""
    ca_file: str = field(default="", metadata={"path": True})
    """PEM file with the authorities that are trusted for url. Empty: those of this host."""
    event_record_format: str = field(default="JSON", metadata={"choices": ("JSON", "SOURCE")})
    """What functions get: the decoded value as JSON, or the original without the registry's framing."""
    validate: Sequence[str] = field(default=("VALUE",), metadata={"choices": ("KEY", "VALUE")})
    """Which of key and value are decoded."""


@dataclass(frozen=True, kw_only=True)
class KafkaOptions:
    """One topic of one cluster. Amazon MSK is the same with its cluster_arn."""

    bootstrap_servers: Sequence[str] = field(metadata={"example": ["127.0.0.1:9092"]})
    """Brokers to begin with, host:port each, one at least; they name the others."""
    topic: str = field(metadata={"example": "orders"})
    """Name of the topic."""
    consumer_group_id: str = ""
    """Consumer group to join. Empty: one named after the mapping. Offsets that the group has committed win over starting_position."""
    cluster_arn: str = field(
        default="",
        metadata={
            "example": "arn:aws:kafka:us-east-1:000000000000:cluster/orders/0d9a1c7e-7f0e-4f0f-8a3f-1b2c3d4e5f60-4"
        },
    )
    """ARN of an MSK cluster: events are then MSK's (aws:kafka, with eventSourceArn). Empty: those of a self-managed cluster."""
    isolation_level: str = field(
        default="read_uncommitted", metadata={"choices": ("read_uncommitted", "read_committed")}
    )
    """Whether records of transactions are seen at once, as Kafka's own default has it, or when they are committed, the aborted never."""
    tls: TlsOptions | None = field(default=None, metadata={"example": {"ca_file": "./ca.pem"}})
    """Encrypt connections. `{}` will do with authorities of this host. Left out: no TLS."""
    sasl_mechanism: str = field(default="", metadata={"choices": ("", *PASSWORD_MECHANISMS, OAUTHBEARER)})
    """How to log in. Empty: not at all. Without tls, PLAIN sends the password in the clear."""
    username: str = ""
    """For PLAIN and SCRAM."""
    password: str = field(default="", repr=False, metadata=SECRET)
    """For PLAIN and SCRAM."""
    oauth: OauthOptions | None = field(
        default=None,
        metadata={
            "example": {
                "token_endpoint_url": "https://login.example.com/token",
                "client_id": "pollerd",
                "client_secret": "...",
            }
        },
    )
    """For OAUTHBEARER."""
    schema_registry: SchemaRegistryOptions | None = field(
        default=None, metadata={"example": {"url": "http://127.0.0.1:8081"}}
    )
    """Decode values, or keys, by their schemas: Avro, Protobuf, JSON. Left out: records are delivered as they are."""
    group_instance_id: str = ""
    """Name of this daemon in the group, for ever (static membership): its partitions wait for it through a restart or a kill, until
    session_timeout_seconds are over, and nobody else gets them before. No two that run may have the same. Empty: a member like any
    other, whose partitions go to others at once when it stops, and after session_timeout_seconds when it is killed."""
    session_timeout_seconds: float = field(default=45, metadata={"minimum": 1, "maximum": 1800})
    """Silence after which the group gives this member's partitions to others; the brokers have bounds of their own (6 s to 30 min).
    With group_instance_id: the longest restart that keeps them."""
    rebalance_timeout_seconds: float = field(default=300, metadata={"minimum": 15, "maximum": 3600})
    """Time in which partitions are handed over when members come or go. What still runs then is done again by their next owner."""


def check(options: KafkaOptions) -> None:
    """Raise ``OptionsError`` for options that can never work. Files are not looked at."""
    _check_names(options)
    if options.schema_registry is not None:
        _check_registry(options.schema_registry)
    if options.session_timeout_seconds >= options.rebalance_timeout_seconds:
        raise OptionsError("session_timeout_seconds", "session_timeout_seconds must be below rebalance_timeout_seconds")
    if options.sasl_mechanism in PASSWORD_MECHANISMS and not (options.username and options.password):
        missing = "password" if options.username else "username"
        raise OptionsError(missing, f"sasl_mechanism {options.sasl_mechanism} takes username and password")
    if options.sasl_mechanism == OAUTHBEARER and options.oauth is None:
        raise OptionsError("oauth", "sasl_mechanism OAUTHBEARER takes oauth: where tokens are had, and as whom")
    if options.sasl_mechanism not in PASSWORD_MECHANISMS and (options.username or options.password):
        surplus = "username" if options.username else "password"
        raise OptionsError(surplus, f"{surplus} needs a sasl_mechanism that takes it: {', '.join(PASSWORD_MECHANISMS)}")
    if options.sasl_mechanism != OAUTHBEARER and options.oauth is not None:
        raise OptionsError("oauth", "oauth needs sasl_mechanism: OAUTHBEARER")


def is_topic_name(text: str) -> bool:
    """Whether Kafka takes it as a topic's name."""
    return bool(re.fullmatch(r"[A-Za-z0-9._-]{1,249}", text)) and text not in {".", ".."}


def is_url(text: str) -> bool:
    """Whether it is the URL of a server, without user and password."""
    parts = urlsplit(text)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc


def _check_registry(registry: SchemaRegistryOptions) -> None:
    if not is_url(registry.url):
        raise OptionsError(
            "schema_registry",
            "schema_registry.url is not the URL of a server, such as http://127.0.0.1:8081; "
            "username and password are options of their own",
        )
    if not registry.validate:
        raise OptionsError("schema_registry", "schema_registry.validate names KEY, VALUE or both")
    if missing := [name for name in ("fastavro", "google.protobuf") if find_spec(name.split(".")[0]) is None]:
        raise OptionsError(
            "schema_registry", f"schema_registry needs {' and '.join(missing)}: install pollerd[schema-registry]"
        )


def _check_names(options: KafkaOptions) -> None:
    if not options.bootstrap_servers:
        raise OptionsError("bootstrap_servers", "name one broker at least, as host:port")
    for server in options.bootstrap_servers:
        found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})", server)
        if found is None or not 0 < int(found[2]) < 65536:  # noqa: PLR2004 - TCP
            raise OptionsError("bootstrap_servers", f"{server!r} is not a broker's address, host:port")
    if not is_topic_name(options.topic):
        wanted = "1 to 249 letters, digits, dots, hyphens and underscores"
        raise OptionsError("topic", f"{options.topic!r} cannot be the name of a topic: {wanted}")
    if len(options.consumer_group_id) > 200:  # noqa: PLR2004 - event source mappings, ConsumerGroupId
        raise OptionsError("consumer_group_id", "a consumer group's name has 200 characters at most")
    if options.group_instance_id and not is_topic_name(options.group_instance_id):
        raise OptionsError(
            "group_instance_id", "an instance's name has 1 to 249 letters, digits, dots, hyphens and underscores"
        )
    if options.cluster_arn and not re.fullmatch(r"arn:aws[a-z0-9-]*:kafka:[a-z0-9-]+:\d{12}:\S+", options.cluster_arn):
        raise OptionsError("cluster_arn", f"{options.cluster_arn!r} is not the ARN of an MSK cluster")
