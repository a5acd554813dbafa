from __future__ import annotations

import pytest

from connectors.contract import OptionsError
from connectors.sqs.queue import QueueName, parse_queue

URL = "http://127.0.0.1:4566/000000000000/orders"


@pytest.mark.parametrize(
    ("text", "queue"),
    [
        ("orders", QueueName("orders")),
        ("Orders_2-x.fifo", QueueName("Orders_2-x.fifo")),
        ("a" * 80, QueueName("a" * 80)),
        ("arn:aws:sqs:eu-west-1:123456789012:orders", QueueName("orders", "123456789012", "eu-west-1")),
        ("arn:aws-cn:sqs:cn-north-1:123456789012:o.fifo", QueueName("o.fifo", "123456789012", "cn-north-1")),
        (URL, QueueName("orders", "000000000000", "", URL, "http://127.0.0.1:4566")),
    ],
)
def test_a_queue_is_called_by_name_arn_or_url(text: str, queue: QueueName) -> None:
    assert parse_queue(text) == queue


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("sqs.eu-west-1.amazonaws.com", "eu-west-1"),
        ("sqs.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("sqs.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("eu-west-1.queue.amazonaws.com", "eu-west-1"),
        ("vpce-0a1b-2c3d.sqs.eu-west-1.vpce.amazonaws.com", "eu-west-1"),
        ("sqs.us-east-1.localhost.localstack.cloud:4566", "us-east-1"),
        ("queue.amazonaws.com", ""),
        ("127.0.0.1:4566", ""),
        ("ministack:4566", ""),
        ("[::1]:4566", ""),
    ],
)
def test_the_region_is_read_from_the_urls_host(host: str, region: str) -> None:
    queue = parse_queue(f"https://{host}/123456789012/orders")
    assert (queue.region, queue.origin) == (region, f"https://{host}")


def test_a_url_without_account_is_a_url_too() -> None:
    assert parse_queue("http://localhost:9324/queue/orders") == QueueName(
        "orders", url="http://localhost:9324/queue/orders", origin="http://localhost:9324"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "two words",
        "orders.fif",
        "orders.fifo.fifo",
        "a" * 81,
        "ordres é",
        "http://127.0.0.1:4566",
        "http://127.0.0.1:4566/000000000000/bad name",
        "http://127.0.0.1:port/000000000000/orders",
        "http://[::1/000000000000/orders",
        "http:///orders",
        "ftp://127.0.0.1/000000000000/orders",
        "http://user:password@127.0.0.1:4566/000000000000/orders",
        "arn:aws:sqs:eu-west-1:123456789012",
        "arn:aws:sqs:eu-west-1::orders",
        "arn:aws:sqs:eu-west-1:123456789012:orders:more",
        "arn:aws:sns:eu-west-1:123456789012:orders",
        "arn:",
    ],
)
def test_what_cannot_be_a_queue_is_refused(text: str) -> None:
    with pytest.raises(OptionsError) as refused:
        parse_queue(text)
    assert refused.value.field == "queue"
    assert "password" not in str(refused.value)


def test_an_arn_of_another_service_is_named_as_such() -> None:
    with pytest.raises(OptionsError, match="something else \\(sns\\)"):
        parse_queue("arn:aws:sns:eu-west-1:123456789012:orders")
