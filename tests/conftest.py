"""Fixtures for every test folder: a clean environment, real servers, and the watch over what a test leaves behind."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

import psutil
import pytest

from tests import kafka_server, redis_servers, rust_servers, servers
from tests.cache import CACHE
from tests.faults import oracle
from tests.integration.api.inputs_tried import PROPERTY


class Startable(Protocol):
    """A server, or several that belong together."""

    def start(self) -> None: ...

    def kill(self) -> None: ...


Started = TypeVar("Started", bound=Startable)


def pytest_configure() -> None:
    """SIGTERM, as from `timeout`, ends a run like Ctrl-C does: fixtures still end their servers."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # a run in the background of a script; programs that tests interrupt inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests found out. Here, since where they run side by side the process that prints knows no other conftest."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    called = [report for report in reports if isinstance(report, pytest.TestReport) and report.when == "call"]
    if rows := [row for report in called for row in oracle.arrived(report.user_properties)]:
        terminalreporter.section("fault table")
        for line in oracle.table(rows):
            terminalreporter.line(line)
    if tried := [value for report in called for name, value in report.user_properties if name == PROPERTY]:
        terminalreporter.line(f"inputs tried on the API: {sum(map(int, map(str, tried)))}")


@pytest.fixture(scope="session", autouse=True)
def no_aws_configuration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nobody's AWS keys, profile or endpoint get into a test, and none asks a metadata service."""
    nowhere = tmp_path_factory.mktemp("aws")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_CONFIG_FILE", str(nowhere / "config"))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere / "credentials"))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """One MiniStack for all tests of a run: give queues names of their own, and leave it running."""
    yield from running(lambda: servers.ministack(tmp_path_factory.mktemp("ministack")))


@pytest.fixture(scope="session")
def elasticmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """One ElasticMQ for all tests of a run."""
    yield from running(lambda: servers.elasticmq(tmp_path_factory.mktemp("elasticmq"), CACHE))


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka_server.Cluster]:
    """One Apache Kafka of one broker, with TLS and SASL, for all tests of a run: give topics names of their own."""
    yield from running(lambda: kafka_server.kafka(tmp_path_factory.mktemp("kafka"), CACHE, secured=True))


@pytest.fixture(scope="session")
def kinesis_mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """One kinesis-mock for all tests of a run."""
    yield from running(lambda: servers.kinesis_mock(tmp_path_factory.mktemp("kinesis-mock"), CACHE))


@pytest.fixture(scope="session")
def ferrokinesis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """One ferrokinesis for all tests of a run."""
    yield from running(lambda: rust_servers.ferrokinesis(tmp_path_factory.mktemp("ferrokinesis"), CACHE))


@pytest.fixture(scope="session")
def dynoxide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """One dynoxide for all tests of a run."""
    yield from running(lambda: rust_servers.dynoxide(tmp_path_factory.mktemp("dynoxide"), CACHE))


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """One moto for all tests of a run."""
    yield from running(lambda: servers.moto(tmp_path_factory.mktemp("moto")))


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """One redis-server for all tests of a run: give keys names of their own."""
    yield from running(lambda: redis_servers.redis(tmp_path_factory.mktemp("redis")))


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """One valkey-server for all tests of a run."""
    yield from running(lambda: redis_servers.valkey(tmp_path_factory.mktemp("valkey")))


@pytest.fixture
def private_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., servers.Server]]:
    """Start a redis-server of the test's own, to be stopped, killed or frozen: ``private_redis("--appendonly", "yes")``."""
    started: list[servers.Server] = []

    def start(*options: str, tls: bool = False) -> servers.Server:
        try:
            server = redis_servers.redis(tmp_path_factory.mktemp("redis"), *options, tls=tls)
        except servers.Unavailable as reason:
            pytest.skip(str(reason))
        started.append(server)
        _start(server)
        return server

    yield start
    for server in started:
        server.kill()


@pytest.fixture
def private_ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., servers.Server]]:
    """Start a MiniStack of the test's own, to be stopped, killed or frozen: ``private_ministack(persistent=True)``."""
    started: list[servers.Server] = []

    def start(*, persistent: bool = False) -> servers.Server:
        server = servers.ministack(tmp_path_factory.mktemp("ministack"), persistent=persistent)
        started.append(server)
        _start(server)
        return server

    yield start
    for server in started:
        server.kill()


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test ends its child processes, closes its descriptors, and leaves no task running."""
    this = psutil.Process()
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        request.getfixturevalue("no_stray_task")
    children, descriptors = _children(this), _descriptors(this)
    yield
    if _descriptors(this) - descriptors:
        gc.collect()  # what only a reference cycle keeps open is noise here; a real leak warns as well
    stray = [f"process {child}" for child in _children(this) - children]
    stray += [f"descriptor {name}" for name in _descriptors(this) - descriptors]
    assert not stray, "left behind: " + ", ".join(stray)


@pytest.fixture
async def no_stray_task() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    stray = [task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()]
    assert not stray, "tasks left running: " + ", ".join(map(repr, stray))


def running(make: Callable[[], Started]) -> Iterator[Started]:
    """What a fixture yields: a server that runs until the fixture ends. Skips with the reason when there is none."""
    try:
        server = make()
    except servers.Unavailable as reason:
        pytest.skip(str(reason))
    _start(server)
    yield server
    server.kill()  # nothing of it is wanted any more, and some take long to say goodbye


def _start(server: Startable) -> None:
    try:
        server.start()
    except servers.Unavailable as reason:
        pytest.skip(str(reason))


def _children(of: psutil.Process) -> set[str]:
    return {f"{child.pid} {child.name()}" for child in of.children() if child.status() != psutil.STATUS_ZOMBIE}


def _descriptors(of: psutil.Process) -> set[str]:
    """Number and target of each open descriptor."""
    found = set()
    for entry in Path(f"/proc/{of.pid}/fd").iterdir():
        try:
            found.add(f"{entry.name} {entry.readlink()}")
        except FileNotFoundError:  # the listing's own, closed by now
            continue
    return found
