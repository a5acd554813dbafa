"""Apache Kafka for tests: real brokers in KRaft mode, from Maven Central, on loopback ports which they keep over restarts.

Each broker is a controller too. Besides the plain listener there are, where asked for, one of TLS (client certificates required), one of
SASL over TLS and one of SASL without; users and certificates are made for the occasion. See ``servers.py`` for what a server can do.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests import servers

VERSION = "4.3.1"
CLUSTER = "MkU3OEVBNTcwNTJENDM2Qg"
USER = "alice"
PASSWORD = "wonder=land%1"  # with what SASL and its escapes have to bear
KEY_PASSWORD = "wonder=land%1"  # with what SASL and its escapes have to bear

SCRAM = tuple(
    part for size in (256, 512) for part in ("--add-scram", f"SCRAM-SHA-{size}=[name={USER},password={PASSWORD}]")
)
JVM = ("-Xmx320m", "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")

SETTINGS = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,RELAYED:PLAINTEXT,CONTROLLER:PLAINTEXT,"
    "SSL:SSL,SASL_SSL:SASL_SSL,SASL_PLAINTEXT:SASL_PLAINTEXT",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "auto.create.topics.enable": "true",  # as many clusters have it: no client of ours may use it
    "log.cleaner.enable": "false",
    "num.io.threads": "2",
    "num.network.threads": "2",
    "broker.session.timeout.ms": "4000",
    "controlled.shutdown.enable": "true",
}


@dataclass(frozen=True)
class Certificates:
    """PEM files. authority: what all are signed by. broker: key and chain of 127.0.0.1 and localhost. key: of the client, encrypted."""

    authority: Path
    broker: Path
    certificate: Path
    key: Path
    stranger: Path
    """An authority that has signed none of them."""


class Broker(servers.Server):
    """One broker. Its own port is the plain listener's."""

    def __init__(self, number: int, folder: Path, java: Sequence[str], secured: Certificates | None) -> None:
        self.number = number
        self.controller_port = servers.free_port()
        self.relayed_port, self.relay_port = servers.free_port(), servers.free_port()
        """A plain listener, and where it says that it is: a relay between the two sees all that clients do there."""
        self.tls_port, self.sasl_port, self.sasl_tls_port = (servers.free_port() for _ in range(3))
        self._java = java
        self._secured = secured
        self._properties = folder / f"broker-{number}.properties"
        self._data = folder / f"data-{number}"
        command = [*java, f"-Dkafka.logs.dir={folder}", "kafka.Kafka", str(self._properties)]
        super().__init__(f"kafka-{number}", lambda _port: command, folder)

    def format(self, voters: str, brokers: int) -> None:
        """Write the configuration and the empty data folder. Raises ``Unavailable``."""
        replicas = str(min(3, brokers))
        settings = {
            **SETTINGS,
            "node.id": str(self.number),
            "controller.quorum.voters": voters,
            "log.dirs": str(self._data),
            "offsets.topic.replication.factor": replicas,
            "transaction.state.log.replication.factor": replicas,
            "share.coordinator.state.topic.replication.factor": replicas,
            "default.replication.factor": replicas,
            "listeners": _joined(self._listeners()),
            "advertised.listeners": _joined(self._listeners() | {"RELAYED": self.relay_port}),
            **(self._security(self._secured) if self._secured else {}),
        }
        self._properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        scram = SCRAM if self._secured else ()
        arguments = ["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(self._properties)]
        _run([*self._java, *arguments, *scram])

    def _listeners(self) -> dict[str, int]:
        plain = {"PLAINTEXT": self.port, "RELAYED": self.relayed_port, "CONTROLLER": self.controller_port}
        secured = {"SSL": self.tls_port, "SASL_SSL": self.sasl_tls_port, "SASL_PLAINTEXT": self.sasl_port}
        return plain | secured if self._secured else plain

    def _security(self, certificates: Certificates) -> Mapping[str, str]:
        login = "org.apache.kafka.common.security"
        mechanisms = {
            "plain": f'{login}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";',
            "scram-sha-256": f"{login}.scram.ScramLoginModule required;",
            "scram-sha-512": f"{login}.scram.ScramLoginModule required;",
            "oauthbearer": f'{login}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="{USER}";',
        }
        settings = {
            "sasl.enabled.mechanisms": ",".join(mechanism.upper() for mechanism in mechanisms),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(certificates.broker),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(certificates.authority),
            "listener.name.ssl.ssl.client.auth": "required",
        }
        for listener in ("sasl_ssl", "sasl_plaintext"):
            for mechanism, module in mechanisms.items():
                settings[f"listener.name.{listener}.{mechanism}.sasl.jaas.config"] = module
        return settings


class Cluster:
    """Brokers that belong together."""

    def __init__(self, brokers: Sequence[Broker], certificates: Certificates | None) -> None:
        self.brokers = brokers
        self.certificates = certificates

    @property
    def servers(self) -> list[str]:
        """Plain listeners."""
        return [f"127.0.0.1:{broker.port}" for broker in self.brokers]

    def start(self) -> None:
        """All of them: a quorum is needed before any answers. Raises ``Unavailable``."""
        for broker in self.brokers:
            broker.launch()
        for broker in self.brokers:
            broker.wait()

    def kill(self) -> None:
        for broker in self.brokers:
            broker.kill()

    def freeze(self) -> None:
        for broker in self.brokers:
            broker.freeze()

    def thaw(self) -> None:
        for broker in self.brokers:
            broker.thaw()


def kafka(folder: Path, cache: Path, *, brokers: int = 1, secured: bool = False) -> Cluster:
    """A cluster with nothing in it, not yet started. secured: with TLS and SASL listeners. Raises ``Unavailable``."""
    java = shutil.which("java")
    if java is None:
        raise servers.Unavailable("Apache Kafka needs a Java runtime")
    classpath = servers.maven_classpath("org.apache.kafka", "kafka_2.13", VERSION, cache)
    certificates = make_certificates(folder) if secured else None
    command = [java, *JVM, "-cp", classpath]
    members = [Broker(number + 1, folder, command, certificates) for number in range(brokers)]
    voters = ",".join(f"{member.number}@127.0.0.1:{member.controller_port}" for member in members)
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda member: member.format(voters, brokers), members))
    return Cluster(members, certificates)


def make_certificates(folder: Path) -> Certificates:
    """An authority, a certificate of this host, one of a client, and a second authority. Raises ``Unavailable``."""
    if shutil.which("openssl") is None:
        raise servers.Unavailable("certificates need openssl")
    authority, stranger = _authority(folder, "authority"), _authority(folder, "stranger")
    broker = _signed(folder, "broker", authority, "subjectAltName=DNS:localhost,IP:127.0.0.1")
    client = _signed(folder, "client", authority, "extendedKeyUsage=clientAuth")
    key, chain = broker.with_suffix(".key"), folder / "broker-chain.pem"
    chain.write_text(key.read_text() + broker.read_text() + authority.read_text())
    encrypted = folder / "client-encrypted.key"
    convert: list[str | Path] = ["openssl", "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", f"pass:{KEY_PASSWORD}"]
    _run([*convert, "-in", client.with_suffix(".key"), "-out", encrypted])
    return Certificates(authority, chain, client, encrypted, stranger)


def _joined(listeners: Mapping[str, int]) -> str:
    return ",".join(f"{name}://127.0.0.1:{port}" for name, port in listeners.items())


def _authority(folder: Path, name: str) -> Path:
    certificate = folder / f"{name}.pem"
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={name}"]
    usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    _run([*new, *usage, "-keyout", certificate.with_suffix(".key"), "-out", certificate])
    return certificate


def _signed(folder: Path, name: str, authority: Path, extension: str) -> Path:
    certificate, request, extensions = folder / f"{name}.pem", folder / f"{name}.csr", folder / f"{name}.ext"
    extensions.write_text(extension + "\n")
    key = certificate.with_suffix(".key")
    _run(["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request])
    signer: list[str | Path] = ["-CA", authority, "-CAkey", authority.with_suffix(".key"), "-CAcreateserial"]
    _run(
        ["openssl", "x509", "-req", "-in", request, *signer, "-days", "30", "-extfile", extensions, "-out", certificate]
    )
    return certificate


def _run(command: Sequence[str | Path]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    except subprocess.CalledProcessError as error:
        raise servers.Unavailable(f"{command[0]}: {(error.stdout + error.stderr).decode()[-500:]}") from error
