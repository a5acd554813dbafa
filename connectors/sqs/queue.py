"""How a queue is called: its name, its URL or its ARN, and what each of them tells. Pure; no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from connectors.aws.arn import parse_arn
from connectors.contract import OptionsError


@dataclass(frozen=True)
class QueueName:
    """What a queue was called in the options. account, region, url, origin: "" where the text does not tell."""

    name: str
    account: str = ""
    region: str = ""
    url: str = ""
    origin: str = ""


def parse_queue(text: str) -> QueueName:
    """Read a name, URL or ARN. Raises ``OptionsError``."""
    if text.startswith("arn:"):
        queue = _from_arn(text)
    elif "://" in text:
        queue = _from_url(text)
    else:
        queue = QueueName(text)
    if len(queue.name) > 80 or not re.fullmatch(r"[A-Za-z0-9_-]+(\.fifo)?", queue.name):  # noqa: PLR2004 - SQS quotas
        wanted = "1 to 80 letters, digits, hyphens and underscores, the last five of a FIFO queue being .fifo"
        raise OptionsError("queue", f"{queue.name!r} cannot be the name of a queue: {wanted}")
    return queue


def _from_arn(text: str) -> QueueName:
    arn = parse_arn(text, "sqs", option="queue", what="an SQS queue", form="arn:aws:sqs:REGION:ACCOUNT:NAME")
    return QueueName(arn.resource, account=arn.account, region=arn.region)


def _from_url(text: str) -> QueueName:
    try:
        parts = urlsplit(text)
        port = f":{parts.port}" if parts.port else ""
    except ValueError as error:
        raise OptionsError("queue", f"the URL of the queue is malformed: {error}") from error
    path = [segment for segment in parts.path.split("/") if segment]
    if parts.scheme not in {"http", "https"} or not parts.hostname or not path or parts.username is not None:
        raise OptionsError("queue", "the URL of a queue looks like http://127.0.0.1:4566/000000000000/orders")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    account = path[-2] if len(path) > 1 and path[-2].isdecimal() else ""
    return QueueName(
        path[-1], account=account, region=_region_of(host), url=text, origin=f"{parts.scheme}://{host}{port}"
    )


def _region_of(host: str) -> str:
    """Region in a queue URL's host: sqs.eu-west-1.amazonaws.com, also behind a VPC endpoint, or eu-west-1.queue.amazonaws.com."""
    found = re.search(r"(?:^|\.)sqs\.([a-z]+-[a-z-]+-\d+)\.", host) or re.match(r"([a-z]+-[a-z-]+-\d+)\.queue\.", host)
    return found[1] if found else ""
