"""Program: invokes with boto3, one at a time. Arguments: port, count, and invocations before the clock starts. Prints JSON."""

from __future__ import annotations

import json
import sys
import time

import boto3
from botocore.config import Config

from bench.consumers.invoke import PAYLOAD
from bench.sqs_server import KEYS, REGION
from bench.warm_sample import sample


def main(port: int, count: int, warm_up: int) -> None:
    client = boto3.client(
        "lambda",
        region_name=REGION,
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}),
    )

    def invoke() -> None:
        answer = client.invoke(FunctionName="function", Payload=PAYLOAD)
        if answer["Payload"].read() != b"{}" or "FunctionError" in answer:
            raise SystemExit("the function did not answer")

    for _ in range(warm_up):
        invoke()
    seconds: list[float] = []
    began = time.perf_counter()
    for _ in range(count):
        at = time.perf_counter()
        invoke()
        seconds.append(time.perf_counter() - at)
    print(json.dumps(sample(seconds, time.perf_counter() - began, float("nan"))))
    client.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
