"""A SAM template as it is written for AWS, run by the daemon: its queue's messages reach its function."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.faults.daemon import Daemon
from tests.faults.scene import Scene
from tests.faults.until import until
from tests.servers import Server

pytestmark = [pytest.mark.server, pytest.mark.slow]

TEMPLATE = f"""\
Transform: AWS::Serverless-2016-10-31
Parameters:
  QueueName: {{Type: String}}
Globals:
  Function: {{Runtime: python{sys.version_info.major}.{sys.version_info.minor}, Timeout: 30}}
Resources:
  Work:
    Type: AWS::SQS::Queue
    Properties: {{QueueName: !Ref QueueName}}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/
      Handler: app.handler
      Environment: {{Variables: {{QUEUE_URL: !Ref Work}}}}
      Events:
        Messages:
          Type: SQS
          Properties: {{Queue: !GetAtt Work.Arn, BatchSize: 5}}
        Nightly: {{Type: Schedule, Properties: {{Schedule: rate(1 day)}}}}
"""
APP = """\
import os
def handler(event, context):
    for record in event["Records"]:
        print("worked", os.environ["QUEUE_URL"], record["eventSourceARN"].rpartition(":")[2])
"""


def test_messages_reach_the_function_of_a_template(scene: Scene, ministack: Server, tmp_path: Path) -> None:
    queue = scene.queue()
    (tmp_path / "src").mkdir()
    (tmp_path / "src/app.py").write_text(APP)
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    beside = {
        "http": {"listen": "127.0.0.1:0"},
        "aws": {"region": "us-east-1", "endpoint_url": ministack.url},
        "template_parameters": {"QueueName": queue.name},
    }
    (tmp_path / "pollerd.yaml").write_text(json.dumps(beside))
    daemon = Daemon(tmp_path / "template.yaml", str(tmp_path))
    try:
        daemon.start()
        queue.send(20)
        url = f"{ministack.url}/000000000000/{queue.name}"
        until(lambda: len(daemon.logged(f"worked {url} {queue.name}")) >= 20, "all messages are handled")
        queue.wait_empty()
        assert [line["what"] for line in daemon.logged("template passed over")] == ["Worker.Events.Nightly.Type"]
        daemon.stop()
    finally:
        daemon.kill()
