"""Every set-up in config/examples runs: with the servers that it asks for, and something sent that way, its functions are done with it."""

from __future__ import annotations

import http.server
import json
import re
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client

from poller.settings.load import load
from tests import redis_servers, servers
from tests.conftest import running
from tests.faults.daemon import Daemon
from tests.faults.scene import RUNTIME
from tests.faults.streams.sources import aws_client
from tests.faults.until import until
from tests.kafka_server import Cluster
from tests.kafka_topics import Sent, Topic

pytestmark = [pytest.mark.server, pytest.mark.slow]

EXAMPLES = Path(__file__).parents[2] / "config" / "examples"
ACCOUNT = "000000000000"
SETTLED = re.compile(
    r'^pollerd_records_settled_total\{mapping="(?P<mapping>[^"]+)",outcome="delivered"\} (?P<n>\S+)$', re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Example:
    """One file.

    replaced: what it says of servers -> where they are here. prepare: makes what it needs. send: something for each mapping.
    """

    replaced: dict[str, str]
    prepare: Callable[[], object]
    send: Callable[[], object]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """One of their own: the examples' names are everybody's."""
    yield from running(lambda: servers.ministack(tmp_path_factory.mktemp("ministack")))


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    yield from running(lambda: redis_servers.redis(tmp_path_factory.mktemp("redis")))


class Ledger(http.server.BaseHTTPRequestHandler):
    """Takes every booking."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


@pytest.fixture
def ledger() -> Iterator[int]:
    """Its port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ledger)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def prepared(folder: Path, name: str, example: Example) -> Daemon:
    """A daemon with the example."""
    folder.chmod(0o755)
    text = (
        (EXAMPLES / name).read_text().replace("python3.11", RUNTIME).replace("./functions", str(EXAMPLES / "functions"))
    )
    for was, here in example.replaced.items():
        assert was in text, f"{name} does not say {was}"
        text = text.replace(was, here)
    (folder / "example.yaml").write_text(text)
    own = {"include": ["example.yaml"], "http": {"listen": "127.0.0.1:0"}, "state": "./state"}
    (folder / "pollerd.json").write_text(json.dumps(own))
    return Daemon(folder / "pollerd.json", str(folder))


def run(daemon: Daemon, example: Example) -> None:
    """Return when every mapping has done with something."""
    example.prepare()
    daemon.start()
    example.send()
    wanted = set(load(daemon.config).event_source_mappings)

    def done() -> bool:
        return wanted <= {
            found["mapping"] for found in SETTLED.finditer(daemon.get("/metrics")[1]) if float(found["n"])
        }

    until(done, f"each of {', '.join(wanted)} has delivered something", 60)


def sent_to_queues(server: servers.Server, *queues: str, body: str, **more: Any) -> Callable[[], None]:
    """Sends one message to each."""

    def send() -> None:
        sqs = aws_client("sqs", server.url)
        for queue in queues:
            sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=queue)["QueueUrl"], MessageBody=body, **more)

    return send


def made_queues(server: servers.Server, *queues: str) -> Callable[[], None]:
    def make() -> None:
        sqs = aws_client("sqs", server.url)
        for queue in queues:
            sqs.create_queue(QueueName=queue, Attributes={"FifoQueue": "true"} if queue.endswith(".fifo") else {})

    return make


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[[str, Example], Daemon]]:
    """``started(name, example)``: a daemon whose every mapping has done with something. None may have failed."""
    daemons: list[Daemon] = []

    def start(name: str, example: Example) -> Daemon:
        daemons.append(prepared(tmp_path, name, example))
        run(daemons[-1], example)
        return daemons[-1]

    try:
        yield start
        for daemon in daemons:
            no_failure(daemon)
    finally:
        for daemon in daemons:
            daemon.kill()


def no_failure(daemon: Daemon) -> None:
    """And it stops in peace."""
    assert not re.search(r"pollerd_records_failed_total\{[^}]*\} [1-9]", daemon.get("/metrics")[1])
    daemon.stop()


Start = Callable[[str, Example], Daemon]


def test_sqs_minimal(started: Start, aws: servers.Server) -> None:
    body = json.dumps({"id": 1, "lines": [{"price": 2.5, "quantity": 2}]})
    example = Example(
        {"http://127.0.0.1:4566": aws.url}, made_queues(aws, "orders"), sent_to_queues(aws, "orders", body=body)
    )
    started("sqs-minimal.yaml", example)


def test_profiles(started: Start, aws: servers.Server) -> None:
    body = json.dumps({"id": 1, "lines": [{"price": 2.5, "quantity": 2}]})
    queue = "orders-dev"
    example = Example(
        {"http://127.0.0.1:4566": aws.url}, made_queues(aws, queue), sent_to_queues(aws, queue, body=body)
    )
    started("profiles.yaml", example)


def test_sqs_fifo(started: Start, aws: servers.Server, ledger: int) -> None:
    more = {"MessageGroupId": "account-1", "MessageDeduplicationId": "1"}
    send = sent_to_queues(aws, "bookings.fifo", body='{"cents": 250}', **more)
    replaced = {"http://127.0.0.1:4566": aws.url, "8080": str(ledger)}
    started("sqs-fifo.yaml", Example(replaced, made_queues(aws, "bookings.fifo"), send))


def test_sns_through_sqs(started: Start, aws: servers.Server) -> None:
    sns = aws_client("sns", aws.url)
    topic = sns.create_topic(Name="alerts")["TopicArn"]

    def prepare() -> None:
        made_queues(aws, "alerts")()
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:{ACCOUNT}:alerts")

    def send() -> None:
        sns.publish(TopicArn=topic, Message="the disk is full", Subject="disk")

    started("sns-through-sqs.yaml", Example({"http://127.0.0.1:4566": aws.url}, prepare, send))


def test_kinesis(started: Start, aws: servers.Server) -> None:
    kinesis = aws_client("kinesis", aws.url)

    def prepare() -> None:
        made_queues(aws, "failures")()
        kinesis.create_stream(StreamName="clicks", ShardCount=1)
        kinesis.get_waiter("stream_exists").wait(StreamName="clicks", WaiterConfig={"Delay": 1})

    def send() -> None:
        kinesis.put_record(StreamName="clicks", PartitionKey="visitor", Data=b'{"visitor": "v-1", "page": "/cart"}')

    started("kinesis.yaml", Example({"http://127.0.0.1:4566": aws.url}, prepare, send))


def test_dynamodb_streams(started: Start, aws: servers.Server) -> None:
    dynamodb = aws_client("dynamodb", aws.url)

    def prepare() -> None:
        dynamodb.create_table(
            TableName="orders",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )

    def send() -> None:
        for number in range(20):  # it is read from the newest on, which is known a moment after the daemon is ready
            dynamodb.put_item(TableName="orders", Item={"id": {"S": str(number)}, "status": {"S": "paid"}})
            time.sleep(0.1)

    started("dynamodb-streams.yaml", Example({"http://127.0.0.1:4566": aws.url}, prepare, send))


def test_kafka(started: Start, kafka: Cluster) -> None:
    topics = [Topic(name, kafka.servers) for name in ("shipments", "shipments-failed")]
    body = json.dumps({"shipment": "s-1", "status": "delivered"}).encode()
    send = Sent(value=body, key=b"s-1")
    servers_ = json.dumps(list(kafka.servers))

    def prepare() -> None:
        for topic in topics:
            topic.make()

    try:
        example = Example(
            {'["127.0.0.1:9092"]': servers_},
            prepare,
            lambda: topics[0].send([send]),
        )
        started("kafka.yaml", example)
    finally:
        for topic in topics:
            topic.delete()


def test_redis(started: Start, redis: servers.Server) -> None:
    def send() -> None:
        with redis_client.Redis(port=redis.port) as client:
            client.xadd("clicks", {"page": "/cart", "customer": "c-1"})
            client.lpush("mails", '{"to": "a@example.org"}')

    port = {
        "type: redis-stream,": f"type: redis-stream, port: {redis.port},",
        "type: redis-list,": f"type: redis-list, port: {redis.port},",
    }
    started("redis.yaml", Example(port, lambda: None, send))


def test_asynchronous(started: Start) -> None:
    daemon = started("asynchronous.yaml", Example({}, lambda: None, lambda: None))
    body = json.dumps({"order": 1, "lines": [{"cents": 250, "quantity": 2}]}).encode()
    url = f"{daemon.url}/2015-03-31/functions/invoices/invocations"
    request = urllib.request.Request(url, body, {"X-Amz-Invocation-Type": "Event"}, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 202
    told = 'pollerd_invocations_total{function="audit",status="success"} 1.0'
    until(lambda: told in daemon.get("/metrics")[1], "the audit was told of the success")


def test_no_example_is_left_out() -> None:
    tried = {name.removeprefix("test_").replace("_", "-") for name in globals() if name.startswith("test_")}
    assert {path.stem for path in EXAMPLES.glob("*.yaml")} <= tried
