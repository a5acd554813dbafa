"""Streams of Kinesis and Redis, a real daemon: kill and restart, rewinds with and without it, a second daemon, a poisoned record."""

from __future__ import annotations

import contextlib
import http
import json
import re
import subprocess
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests import servers
from tests.faults.daemon import PROGRAM, Daemon
from tests.faults.scene import Scene
from tests.faults.until import until

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.timeout(120, func_only=True),
]  # a server may have to be built

HANDLER = """\
import base64, json, os
def handler(event, context):
    data = [base64.b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]]
    with open(os.environ["JOURNAL"], "a") as journal:  # a line is one write
        journal.write(json.dumps([os.environ["DAEMON"], data]) + "\\n")
    if any("poison" in text for text in data):
        raise ValueError("poison")
"""
SHARDS = 2
BATCH = 10


class Told:
    """A function that tells what it is given, and a mapping from a stream to it."""

    source: dict[str, Any]

    def __init__(self, scene: Scene, folder: Path) -> None:
        self.scene = scene
        self.name = f"clicks-{uuid.uuid4().hex[:8]}"
        self._folder = folder
        (folder / "function").mkdir()
        (folder / "function" / "app.py").write_text(HANDLER)

    def put(self, *data: str) -> None:
        """Records, in that order."""
        raise NotImplementedError

    def daemon(self, name: str = "", **mapping: Any) -> Daemon:
        """One for all this, not started. name: for the journal."""
        function = self.scene.noting() | {"code": str(self._folder / "function"), "handler": "app.handler"}
        function["environment"] = {**function["environment"], "DAEMON": name}
        whole = {
            "source": self.source,
            "function": "tell",
            "starting_position": "TRIM_HORIZON",
            "batch_size": BATCH,
            "envelope": "kinesis",
            **mapping,
        }
        return self.scene.daemon(
            functions={"tell": function | {"timeout_seconds": 30}}, event_source_mappings={"clicks": whole}
        )

    def batches(self, name: str = "") -> list[list[str]]:
        """What the function was given by a daemon of that name."""
        lines = [json.loads(line) for line in self.scene.journal.path.read_text().splitlines()]
        return [data for daemon, data in lines if daemon == name]

    def handled(self, name: str = "") -> list[str]:
        return [text for batch in self.batches(name) for text in batch]

    def done(self) -> Counter[str]:
        """What it was given in batches that it bore, and how often."""
        return Counter(
            text for batch in self.batches() if not any("poison" in each for each in batch) for text in batch
        )


class Clicks(Told):
    """From Kinesis, with two shards."""

    def __init__(self, scene: Scene, client: Any, folder: Path) -> None:
        super().__init__(scene, folder)
        self._client = client
        self.source = {"type": "kinesis", "stream": self.name, "poll_seconds": 0.2}
        client.create_stream(StreamName=self.name, ShardCount=SHARDS)
        until(lambda: self._status() == "ACTIVE", "the stream is there")

    def _status(self) -> str:
        summary = self._client.describe_stream_summary(StreamName=self.name)["StreamDescriptionSummary"]
        return str(summary["StreamStatus"])

    def put(self, *data: str) -> None:
        """Each by turns to one of the shards."""
        every = 2**128 // SHARDS
        entries = [
            {"Data": text.encode(), "PartitionKey": text, "ExplicitHashKey": str(at % SHARDS * every)}
            for at, text in enumerate(data)
        ]
        for first in range(0, len(entries), 500):
            answer = self._client.put_records(StreamName=self.name, Records=entries[first : first + 500])
            assert not answer["FailedRecordCount"], answer

    def split(self) -> str:
        """The first shard, in the middle; its id. Each child gets a record."""
        [first, *_] = self._client.list_shards(StreamName=self.name)["Shards"]
        first_key, last_key = (int(first["HashKeyRange"][end]) for end in ("StartingHashKey", "EndingHashKey"))
        middle = (first_key + last_key) // 2
        self._client.split_shard(StreamName=self.name, ShardToSplit=first["ShardId"], NewStartingHashKey=str(middle))
        until(lambda: self._status() == "ACTIVE", "it is split")
        for key in (first_key, middle):
            self._client.put_record(StreamName=self.name, Data=b"child", PartitionKey="k", ExplicitHashKey=str(key))
        return str(first["ShardId"])

    def register(self, consumer: str) -> None:
        """A consumer for enhanced fan-out; the mapping is one to it from now on."""
        summary = self._client.describe_stream_summary(StreamName=self.name)["StreamDescriptionSummary"]
        arn = summary["StreamARN"]
        self._client.register_stream_consumer(StreamARN=arn, ConsumerName=consumer)
        self.source["consumer"] = consumer


class Entries(Told):
    """From Redis."""

    def __init__(self, scene: Scene, port: int, folder: Path) -> None:
        super().__init__(scene, folder)
        self._port = port
        names = {"stream": self.name, "data_field": "data", "create_stream": True}
        self.source = {"type": "redis-stream", "port": port, **names}

    def put(self, *data: str) -> None:
        lines = [f"XADD {self.name} * data {json.dumps(text)}\n" for text in data]
        words = ["redis-cli", "-p", str(self._port)]
        subprocess.run(words, input="".join(lines), check=True, capture_output=True, text=True)


def aws(service: str, server: servers.Server) -> Any:
    """A plain client."""
    return boto3.client(
        service,
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture
def clicks(scene: Scene, ministack: servers.Server, tmp_path: Path) -> Iterator[Clicks]:
    with contextlib.closing(aws("kinesis", ministack)) as client:
        yield Clicks(scene, client, tmp_path)


@pytest.fixture
def pushed(scene: Scene, ferrokinesis: servers.Server, tmp_path: Path) -> Iterator[Clicks]:
    """On a server that has enhanced fan-out."""
    with contextlib.closing(aws("kinesis", ferrokinesis)) as client:
        clicks = Clicks(scene, client, tmp_path)
        clicks.source["endpoint_url"] = ferrokinesis.url
        clicks.register("pollerd")
        yield clicks


@pytest.fixture
def entries(scene: Scene, redis: servers.Server, tmp_path: Path) -> Entries:
    return Entries(scene, redis.port, tmp_path)


def pollerd(daemon: Daemon, *arguments: str, running: bool = True) -> Any:
    """``pollerd mappings``; its JSON."""
    return json.loads(printed(daemon, *arguments, "--json", running=running))


def printed(daemon: Daemon, *arguments: str, running: bool = True) -> str:
    """``pollerd mappings``; what it prints."""
    [url] = [line["url"] for line in daemon.lines() if line.get("event") == "port opened"] if running else [""]
    program = [str(PROGRAM), "mappings", *arguments, "--config", str(daemon.config), "--url", url]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def click(number: int | str, kind: str = "click") -> str:
    return json.dumps({"kind": kind, "n": number})


def texts(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def test_a_kill_repeats_one_batch_a_lane_at_most(clicks: Clicks) -> None:
    clicks.put(*texts(400))
    daemon = clicks.daemon()
    daemon.spawn()
    until(lambda: len(clicks.handled()) >= 100, "some are handled")
    daemon.kill()
    before = len(clicks.handled())
    daemon.start()
    until(lambda: set(clicks.handled()) == set(texts(400)), "all are handled")
    repeated = sum(count - 1 for count in Counter(clicks.handled()).values())
    assert repeated <= SHARDS * BATCH
    for shard in range(SHARDS):
        mine = [int(text) for text in clicks.handled()[before:] if int(text) % SHARDS == shard]
        assert mine == sorted(mine), "in order"
    daemon.stop()


def test_a_kill_loses_nothing_that_is_pushed(pushed: Clicks) -> None:
    pushed.put(*texts(200))
    daemon = pushed.daemon()
    daemon.spawn()
    until(lambda: len(pushed.handled()) >= 50, "some are handled")
    daemon.kill()
    pushed.put(*[str(number) for number in range(200, 400)])
    daemon.start()
    until(lambda: set(pushed.handled()) == set(texts(400)), "all are handled")
    assert sum(count - 1 for count in Counter(pushed.handled()).values()) <= SHARDS * BATCH
    daemon.stop()


def test_a_shard_that_was_split_is_shown_as_finished_with_the_daemon_and_without(pushed: Clicks) -> None:
    pushed.put(*texts(20))
    daemon = pushed.daemon()
    daemon.start()
    until(lambda: len(pushed.handled()) == 20, "all are handled")
    first = pushed.split()
    until(lambda: pollerd(daemon, "explain", "clicks")["reading"].get("finished") == [first], "it is shown")
    until(lambda: "4 (1 finished)" in printed(daemon, "ls"), "with its children")
    daemon.stop()
    assert pollerd(daemon, "explain", "clicks", running=False)["reading"]["finished"] == [first]
    assert "4 (1 finished)" in printed(daemon, "ls", running=False)


def test_where_nothing_is_pushed_the_mapping_says_so(clicks: Clicks) -> None:
    clicks.register("pollerd")
    daemon = clicks.daemon()
    daemon.spawn()
    told = until(lambda: str(daemon.readiness("clicks").get("trouble", "")), "the trouble is told")
    assert "offers no enhanced fan-out (InvalidAction): leave out the consumer, and its shards are polled" in told
    assert daemon.get("/readyz")[0] == 503
    daemon.stop()


def test_a_running_daemon_goes_back_and_says_how_far_it_is(clicks: Clicks) -> None:
    clicks.put(*texts(40))
    daemon = clicks.daemon()
    daemon.start()
    until(lambda: len(clicks.handled()) == 40, "all are handled")
    [view] = until(lambda: [v for v in pollerd(daemon, "ls") if len(v["positions"]) == SHARDS], "positions are kept")
    assert (view["state"], view["last_processing_result"], view["function"]) == ("polling", "OK", "tell")
    assert view["iterator_age_seconds"] >= 0
    moved = pollerd(daemon, "rewind", "clicks", "--to", "TRIM_HORIZON", "--why", "again")
    assert sorted((jump["from"], jump["to"]) for jump in moved["jumps"]) == sorted(
        (position, "TRIM_HORIZON") for position in view["positions"].values()
    )
    until(lambda: len(clicks.handled()) == 80, "all are handled again")
    assert Counter(clicks.handled()) == Counter(texts(40) * 2)
    assert {jump["why"] for jump in pollerd(daemon, "log", "clicks") if jump["what"] == "moved"} == {"again"}
    daemon.stop()


def test_one_partition_is_moved_while_no_daemon_runs(clicks: Clicks) -> None:
    clicks.put(*texts(20))
    daemon = clicks.daemon()
    daemon.start()
    until(lambda: len(clicks.handled()) == 20, "all are handled")
    daemon.stop()
    [view] = pollerd(daemon, "ls", running=False)
    assert view["state"] == "not running"
    [shard] = [name for name in view["positions"] if name.endswith("1")]
    pollerd(daemon, "rewind", "clicks", "--to", "trim_horizon", "--partition", shard, running=False)
    clicks.put("20", "21")
    daemon.start()
    until(lambda: len(clicks.handled()) == 32, "a shard is handled again, and what is new")
    assert sorted(map(int, clicks.handled()[20:])) == [*range(1, 20, 2), 20, 21]
    daemon.stop()


def test_a_second_daemon_waits_and_takes_over(clicks: Clicks) -> None:
    first, second = clicks.daemon("first"), clicks.daemon("second")
    first.start()
    second.spawn()
    until(lambda: "runs the mapping clicks" in second.readiness("clicks").get("trouble", ""), "the second one waits")
    clicks.put(*texts(20))
    until(lambda: len(clicks.handled("first")) == 20, "the first one handles all")
    assert clicks.handled("second") == []
    first.kill()
    second.wait_ready()
    clicks.put("20")
    until(lambda: "20" in clicks.handled("second"), "the second one goes on")
    repeated = [text for text in clicks.handled("second") if text != "20"]
    assert len(repeated) <= SHARDS * BATCH
    second.stop()


def test_a_poisoned_record_goes_to_the_destination_and_the_others_are_handled(clicks: Clicks, tmp_path: Path) -> None:
    data = texts(8)
    clicks.put(*data[:4], "poison", *data[4:])
    daemon = clicks.daemon(
        maximum_retry_attempts=1,
        bisect_batch_on_function_error=True,
        destination_config={"on_failure": {"destination": "file:./failures"}},
    )
    daemon.start()
    [file] = until(lambda: list(tmp_path.glob("failures/clicks/*.json")), "a failure record is stored")
    record = json.loads(file.read_text())
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert record["KinesisBatchInfo"]["batchSize"] == 1
    until(
        lambda: {text for batch in clicks.batches() if "poison" not in batch for text in batch} == set(data),
        "all others",
    )
    daemon.stop()


def test_an_evening_with_kinesis(clicks: Clicks, ministack: servers.Server) -> None:
    an_evening(clicks, ministack, batch_info="KinesisBatchInfo", beginning="TRIM_HORIZON")


def test_an_evening_with_redis(entries: Entries, ministack: servers.Server) -> None:
    an_evening(entries, ministack, batch_info="StreamBatchInfo", beginning="0")


def an_evening(told: Told, ministack: servers.Server, *, batch_info: str, beginning: str) -> None:
    """A filter, a poisoned record, a destination that comes late, a rewind, a pause: what is told, and what becomes of the records."""
    wanted = [click(number) for number in range(8)]
    told.put(*wanted[:5], click("noise", "noise"), click("poison"), *wanted[5:])
    queue = f"failures-{uuid.uuid4().hex[:8]}"
    daemon = told.daemon(
        filter_criteria=[{"data": {"kind": ["click"]}}],
        bisect_batch_on_function_error=True,
        maximum_retry_attempts=1,
        destination_config={"on_failure": {"destination": f"arn:aws:sqs:us-east-1:000000000000:{queue}"}},
    )
    daemon.spawn()
    until(lambda: queue in daemon.readiness("clicks").get("trouble", ""), "the queue is said to be missing")
    assert daemon.get("/readyz")[0] == http.HTTPStatus.SERVICE_UNAVAILABLE
    assert 'pollerd_batches_held_up{mapping="clicks"} 1.0' in daemon.get("/metrics")[1]
    now = pollerd(daemon, "explain", "clicks")["now"]
    assert (now["ready"], now["batches_held_up"], queue in now["trouble"]) == (False, 1, True)
    refusals = re.compile(
        r'^pollerd_destination_errors_total{kind="Missing",mapping="clicks"} ([3-9]|\d\d)', re.MULTILINE
    )
    until(lambda: refusals.search(daemon.get("/metrics")[1]), "the destination is asked again and again")
    with contextlib.closing(aws("sqs", ministack)) as client:
        url = client.create_queue(QueueName=queue)["QueueUrl"]
        record = failure(client, url)
        assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
        assert record[batch_info]["batchSize"] == 1
        until(lambda: told.done() == Counter(wanted), "all others are handled")
        until(lambda: daemon.get("/readyz")[0] == http.HTTPStatus.OK, "the mapping is ready again")
        assert len(daemon.logged("destination failed")) == len(daemon.logged("destination recovered")) == 1

        printed(daemon, "rewind", "clicks", "--to", "TRIM_HORIZON", "--why", "a table was lost")
        assert failure(client, url)[batch_info] == record[batch_info], "the same record again"
        until(lambda: told.done() == Counter(wanted * 2), "all others are handled again")
        logged = [line for line in pollerd(daemon, "log", "clicks") if line["what"] == "moved"]
        assert {(jump["to"], jump["why"]) for jump in logged} >= {(beginning, "a table was lost")}

    printed(daemon, "pause", "clicks")
    until(lambda: daemon.readiness("clicks")["state"] == "paused", "nothing is read any more")
    told.put(click("late"))
    assert printed(daemon, "resume", "clicks") == "clicks: running\n"
    until(lambda: click("late") in told.done(), "what came meanwhile is handled")
    assert told.done() == Counter([*wanted * 2, click("late")])
    assert click("noise", "noise") not in told.handled()
    age = 'pollerd_iterator_age_seconds{mapping="clicks"} 0.0'
    until(lambda: age in daemon.get("/metrics")[1], "nothing is left that could be old")
    daemon.stop()


def test_what_redis_has_given_out_and_not_given_is_told(entries: Entries) -> None:
    entries.put(click("poison"), *map(click, range(30)))
    daemon = entries.daemon(maximum_retry_attempts=-1)
    daemon.start()
    view = until(lambda: [v for v in pollerd(daemon, "ls") if v.get("pending")], "entries are pending")[0]
    [standing] = pollerd(daemon, "explain", "clicks")["reading"]["partitions"].values()
    assert (view["pending"], view["lag"]) == (standing["pending"], standing["lag"]) == (31, 0)
    assert standing["committed"] == standing["end"]
    assert "pending" in printed(daemon, "ls")
    page = daemon.get("/metrics")[1]
    assert 'pollerd_mapping_pending_records{mapping="clicks"} 31.0' in page
    assert 'pollerd_mapping_lag_records{mapping="clicks"} 0.0' in page
    daemon.stop()


def failure(client: Any, url: str) -> dict[str, Any]:
    """The next failure record that the queue gets; taken from it."""

    def received() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = client.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", [])
        return found

    [message] = until(received, "a failure record is in the queue")
    client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    record: dict[str, Any] = json.loads(message["Body"])
    return record
