"""A Kafka topic, a real daemon: its group is sent back while the daemon runs, and each record is handled again."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.faults.daemon import PROGRAM
from tests.faults.scene import Scene
from tests.faults.until import until
from tests.kafka_server import Cluster
from tests.kafka_topics import Sent, topic

pytestmark = [pytest.mark.server, pytest.mark.slow]

HANDLER = """\
import base64, json, os
def handler(event, context):
    data = [base64.b64decode(record["value"]).decode() for records in event["records"].values() for record in records]
    with open(os.environ["JOURNAL"], "a") as journal:
        journal.write(json.dumps(data) + "\\n")
"""


def test_a_running_daemon_sends_its_group_back(
    scene_on: Callable[[servers.Server], Scene], ministack: servers.Server, kafka: Cluster, tmp_path: Path
) -> None:
    scene = scene_on(ministack)  # for its folders; nothing is asked of the server
    (tmp_path / "function").mkdir()
    (tmp_path / "function" / "app.py").write_text(HANDLER)
    with topic(kafka.servers, 2) as made:
        made.send([Sent(str(number).encode(), f"key {number % 4}".encode(), number % 2) for number in range(40)])
        source = {"type": "kafka", "bootstrap_servers": list(kafka.servers), "topic": made.name}
        function = scene.noting() | {"code": str(tmp_path / "function"), "handler": "app.handler"}
        mapping = {"source": source, "function": "tell", "parallelization_factor": 2, "batch_size": 5}
        daemon = scene.daemon(
            functions={"tell": function | {"timeout_seconds": 30}}, event_source_mappings={"parcels": mapping}
        )
        daemon.start()

        def handled() -> list[str]:
            return [text for line in scene.journal.path.read_text().splitlines() for text in json.loads(line)]

        def pollerd(*arguments: str) -> Any:
            [url] = [line["url"] for line in daemon.lines() if line.get("event") == "port opened"]
            program = [PROGRAM, "mappings", *arguments, "--json", "--config", daemon.config, "--url", url]
            ended = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
            assert ended.returncode == 0, ended.stderr
            return json.loads(ended.stdout)

        numbers = [str(number) for number in range(40)]
        until(lambda: sorted(handled()) == sorted(numbers), "all are handled")
        moved = pollerd("rewind", "parcels", "--to", "TRIM_HORIZON")
        assert {jump["partition"]: jump["to"] for jump in moved["jumps"]} == {f"{made.name}-{n}": "0" for n in (0, 1)}
        until(lambda: Counter(handled()) == Counter(numbers * 2), "all are handled again")
        pollerd("rewind", "parcels", "--to", "17", "--partition", f"{made.name}-1")
        until(
            lambda: Counter(handled()) == Counter([*numbers * 2, "37", "39"]), "the last two of a partition come again"
        )
        [view] = pollerd("ls")
        assert (view["last_processing_result"], view["lag"]) == ("OK", 0)
        standing = {"committed": "20", "end": "20", "lag": 0}
        explained = pollerd("explain", "parcels")
        assert explained["reading"]["partitions"] == {f"{made.name}-0": standing, f"{made.name}-1": standing}
        assert "partitions" not in explained["now"]
        until(lambda: pollerd("ls")[0]["iterator_age_seconds"] == 0.0, "nothing is left that could be old")
        assert 'pollerd_mapping_lag_records{mapping="parcels"} 0.0' in daemon.get("/metrics")[1]
        daemon.stop()
