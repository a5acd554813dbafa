"""Connectors that are only options and capabilities, sound configurations to break, and what is said of broken ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from connectors.aws.options import AwsOptions
from connectors.contract import Capabilities, OptionsError
from poller.settings.load import load
from poller.settings.problems import SettingsError

Write = Callable[..., Path]

REGISTRY = {
    "queue": f"{__name__}:PretendedQueue",
    "topic": f"{__name__}:PretendedTopic",
    "rusty": "a_client_that_is_not_installed:Queue",
}


@dataclass(frozen=True, kw_only=True)
class QueueOptions(AwsOptions):
    queue: str
    """Name of the queue."""
    wait_seconds: float = field(default=20, metadata={"minimum": 0, "maximum": 20})
    """Seconds one poll waits."""
    tags: Mapping[str, int] = field(default_factory=dict)
    mode: Literal["fast", "safe"] = "safe"


class PretendedQueue:
    """Ordered if its name ends in .fifo; the name ``nowhere`` can never work."""

    Options = QueueOptions

    def __init__(self, options: QueueOptions) -> None:
        if options.queue == "nowhere":
            raise OptionsError("queue", "there is no queue 'nowhere'")
        if not options.endpoint_url:
            raise OptionsError("endpoint_url", "no endpoint_url, and allow_aws is false")
        if options.endpoint_url.startswith("ftp:"):
            raise OptionsError("endpoint_url", "ftp is no way to a queue")
        if options.profile and options.secret_access_key:
            raise OptionsError("", "profile and keys exclude each other")
        ordered = options.queue.endswith(".fifo")
        self.capabilities = Capabilities(
            envelope="sqs", ordered=ordered, max_batch_size=10 if ordered else 10_000, batching_window=not ordered
        )


class PretendedTopic:
    """A source that can do little, with options of the kinds that no built-in one has."""

    @dataclass(frozen=True, kw_only=True)
    class Options:
        topic: str = "news"
        password: str = field(default="", metadata={"secret": True})  # an outsider's class may well show it in its repr
        count: int | None = None
        names: Sequence[str] = ()
        certificate: str = field(default="ca.pem", metadata={"path": True})
        anything: Any = None

    def __init__(self, options: Options) -> None:
        self.capabilities = Capabilities(envelope="raw", item_failures=False, batching_window=False)


def document(**changes: Any) -> dict[str, Any]:
    """Return a sound configuration as plain Python, with other sections as given."""
    return {
        "aws": {"endpoint_url": "http://127.0.0.1:4566"},
        "functions": {"orders": {"code": "./code", "runtime": "python3.11", "handler": "app.handler"}},
        "event_source_mappings": {"q": {"source": {"type": "queue", "queue": "q"}, "function": "orders"}},
    } | changes


SOUND = """\
aws: {endpoint_url: "http://127.0.0.1:4566"}
functions:
  orders: {code: ./code, runtime: python3.11, handler: app.handler}
event_source_mappings:
  q: {source: {type: queue, queue: q}, function: orders}
"""

MAPPING = """\
aws: {endpoint_url: "http://127.0.0.1:4566"}
functions:
  orders: {code: ./code, runtime: python3.11, handler: app.handler}
event_source_mappings:
  q:
    source: {type: queue, queue: q}
    function: orders
"""


def complaints(path: Path | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(path)
    return [str(problem) for problem in caught.value.problems]
