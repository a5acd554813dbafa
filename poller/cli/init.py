"""``pollerd init``: a configuration and a handler to begin with."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from poller.execution.runtimes import own

CONFIG = """# What pollerd runs. `pollerd check` says what is wrong with it, `pollerd schema --table` lists every option.
aws:
  region: us-east-1
  endpoint_url: http://127.0.0.1:4566   # any SQS-compatible server; for AWS itself: leave out, and set allow_aws: true

functions:
  orders:
    code: ./functions/orders
    runtime: {runtime}
    handler: app.handler
    timeout_seconds: 30

event_source_mappings:
  orders-queue:
    source: {{type: sqs, queue: orders}}
    function: orders
    batch_size: 10
    function_response_types: [ReportBatchItemFailures]
"""

HANDLER = '''"""A Lambda handler for SQS: says what it got, and names the records that failed, so that only those come again."""

import json


def handler(event, context):
    failed = []
    for record in event["Records"]:
        try:
            order = json.loads(record["body"])
            print("order", order)
        except ValueError:
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
'''


def add(parser: argparse.ArgumentParser) -> None:
    """Description and arguments of the verb."""
    parser.description = "Write pollerd.yaml and a handler into a folder. Nothing that is there is overwritten."
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), metavar="FOLDER", help="default: here")
    parser.set_defaults(call=call)


def call(given: argparse.Namespace) -> int:
    """0: written. 2: something is there already."""
    files = {
        given.folder / "pollerd.yaml": CONFIG.format(runtime=own.IDENTIFIER),
        given.folder / "functions/orders/app.py": HANDLER,
    }
    present = [file for file in files if file.exists()]
    if present:
        print(f"{present[0]} is there already; nothing was written", file=sys.stderr)
        return 2
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        print(file)
    return 0
