"""Real servers for tests: child processes on free loopback ports, which can be stopped, killed, frozen and started again.

No fixtures here (see conftest.py) and nothing asynchronous: a server outlives event loops. Only processes started here are ended.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench import peers
from tests.cache import making

START_SECONDS = 60.0
STOP_SECONDS = 20.0
ELASTICMQ = "1.6.11"
KINESIS_MOCK = "0.6.2"


class Unavailable(Exception):
    """The server cannot be had on this machine. The message is the reason to skip with."""


class Server:
    """One server process on a port of its own, which it keeps over restarts.

    command: the port -> what to run. path: asked for until it answers 200; "": a connection is enough.
    """

    def __init__(
        self,
        name: str,
        command: Callable[[int], Sequence[str]],
        folder: Path,
        *,
        environment: Callable[[int], Mapping[str, str]] = lambda _port: {},
        path: str = "",
    ) -> None:
        self.name = name
        self.port = free_port()
        self._command = command
        self._environment = environment
        self._path = path
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} is not running"
        return self._process.pid

    def start(self) -> None:
        """Return when it answers. Raises ``Unavailable`` when it does not."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Begin to start; ``wait`` for the rest."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(self.port),
                env={**os.environ, **self._environment(self.port)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # an interrupt at the keyboard is pytest's; the fixture then ends the server
            )

    def wait(self) -> None:
        """Return when it answers. Raises ``Unavailable`` when it does not."""
        assert self._process is not None, f"{self.name} was not launched"
        limit = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > limit:
                self.kill()
                raise Unavailable(f"{self.name} did not start: {self._log.read_text(errors='replace')[-500:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """SIGTERM, so that it may save what it has; SIGKILL if that takes too long. Idempotent."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)  # a frozen one would never see the other signal
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """SIGKILL. Idempotent."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def restart(self) -> None:
        self.stop()
        self.start()

    def _answers(self) -> bool:
        try:
            if not self._path:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return True
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
                connection.request("GET", self._path)
                return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ministack(folder: Path, *, persistent: bool = False) -> Server:
    """MiniStack: SQS, SNS, Kinesis, DynamoDB Streams, S3. persistent: messages survive ``stop`` and ``start``, not ``kill``."""
    program = Path(sys.executable).parent / "ministack"
    if not program.exists():
        raise Unavailable("MiniStack is not installed (PyPI: ministack)")
    state = {"PERSIST_STATE": "1", "STATE_DIR": str(folder / "ministack-state")} if persistent else {}
    return Server(
        "ministack",
        lambda _port: [str(program)],
        folder,
        environment=lambda port: {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "LOG_LEVEL": "WARNING",
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "TMPDIR": str(folder),
            "DOCKER_HOST": f"unix://{folder}/none.sock",  # at start it would remove containers it takes for its own
            **state,
        },
        path="/_ministack/health",
    )


def elasticmq(folder: Path, cache: Path) -> Server:
    """ElasticMQ, an SQS server by other hands, from Maven Central; its libraries are kept in ``cache``."""
    java = shutil.which("java")
    if java is None:
        raise Unavailable("ElasticMQ needs a Java runtime")
    classpath = maven_classpath("org.elasticmq", "elasticmq-server_2.13", ELASTICMQ, cache)
    configuration = folder / "elasticmq.conf"

    def command(port: int) -> list[str]:
        address = f'bind-hostname = "127.0.0.1", bind-port = {port}'
        configuration.write_text(
            'include classpath("application.conf")\n'
            f'node-address {{ protocol = http, host = "127.0.0.1", port = {port}, context-path = "" }}\n'
            f"rest-sqs {{ enabled = true, {address}, sqs-limits = strict }}\n"
            "rest-stats { enabled = false }\n"
            'aws { region = "us-east-1", accountId = "000000000000" }\n'
        )
        options = ["-Xmx256m", "-XX:+UseSerialGC", f"-Dconfig.file={configuration}"]
        return [java, *options, "-cp", classpath, "org.elasticmq.server.Main"]

    return Server("elasticmq", command, folder, path="/?Action=ListQueues")


def kinesis_mock(folder: Path, cache: Path) -> Server:
    """kinesis-mock, a Kinesis server by other hands, from npm; kept in ``cache``."""
    node = shutil.which("node")
    if node is None:
        raise Unavailable("kinesis-mock needs Node.js")
    package = _npm_package("kinesis-local", KINESIS_MOCK, cache)
    tls_port = free_port()  # it insists on one

    def environment(port: int) -> dict[str, str]:
        return {
            "KINESIS_MOCK_PLAIN_PORT": str(port),
            "KINESIS_MOCK_TLS_PORT": str(tls_port),
            "KINESIS_MOCK_CERT_PATH": str(package / "server.json"),
            "SHARD_LIMIT": "10000",
            **{
                f"{step}_DURATION": "10ms" for step in ("CREATE_STREAM", "DELETE_STREAM", "MERGE_SHARDS", "SPLIT_SHARD")
            },
            "LOG_LEVEL": "ERROR",
        }

    return Server(
        "kinesis-mock",
        lambda _port: [node, str(package / "main.js")],
        folder,
        environment=environment,
        path="/healthcheck",
    )


def moto(folder: Path) -> Server:
    """moto, a server of AWS interfaces by other hands; used for DynamoDB Streams."""
    program = Path(sys.executable).parent / "moto_server"
    if not program.exists():
        raise Unavailable("moto is not installed (PyPI: moto, with flask)")
    return Server("moto", lambda port: [str(program), "-H", "127.0.0.1", "-p", str(port)], folder, path="/moto-api/")


def interface_emulator(folder: Path, code: Path, handler: str, **environment: str) -> Server:
    """AWS's runtime interface emulator with one Python function in it, which it starts with the first invocation."""
    try:
        program = peers.interface_emulator()
    except peers.Unavailable as reason:
        raise Unavailable(f"AWS's runtime interface emulator: {reason}") from reason
    runtime_api = free_port()

    def command(port: int) -> list[str]:
        addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
        addresses += ["--runtime-api-address", f"127.0.0.1:{runtime_api}"]
        return ["env", "-C", str(code), str(program), *addresses, sys.executable, "-m", "awslambdaric", handler]

    variables = {"LAMBDA_TASK_ROOT": str(code), **environment}
    return Server("emulator", command, folder, environment=lambda _port: variables)


@making("npm")
def _npm_package(name: str, version: str, cache: Path) -> Path:
    """Folder of a package; fetched once."""
    folder = cache / f"{name}-{version}"
    package = folder / "node_modules" / name
    if not (package / "package.json").exists():
        npm = shutil.which("npm")
        if npm is None:
            raise Unavailable(f"{name} needs npm to be fetched")
        folder.mkdir(parents=True, exist_ok=True)
        install = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), f"{name}@{version}"]
        try:
            subprocess.run(install, cwd=folder, check=True, capture_output=True, timeout=300)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"{name} {version} could not be fetched from npm") from error
    return package


@making("maven")
def maven_classpath(group: str, artifact: str, version: str, cache: Path) -> str:
    """All jars of an artifact and what it needs, as Java wants them; resolved once."""
    folder = cache / f"{artifact}-{version}"
    found = folder / "classpath.txt"
    if not found.exists() or not all(Path(jar).exists() for jar in found.read_text().split(os.pathsep)):
        _resolve_with_maven(group, artifact, version, folder)
    return found.read_text()


def _resolve_with_maven(group: str, artifact: str, version: str, folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise Unavailable(f"{artifact} needs Maven to be fetched")
    folder.mkdir(parents=True, exist_ok=True)
    wanted = f"<groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>"
    (folder / "pom.xml").write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>pollerd</groupId><artifactId>tests</artifactId><version>1</version>"
        f"<dependencies><dependency>{wanted}</dependency></dependencies></project>"
    )
    goal = ["dependency:build-classpath", "-Dmdep.outputFile=classpath.txt", "-DincludeScope=runtime"]
    try:
        subprocess.run([maven, "-q", "-B", *goal], cwd=folder, check=True, capture_output=True, timeout=300)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{artifact} {version} could not be fetched from Maven Central") from error
