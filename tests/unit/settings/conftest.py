"""A pretended connector per kind of source, and a folder to write configurations into."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from connectors import registry
from connectors.aws import AwsOptions
from connectors.contract import Capabilities, OptionsError


@dataclass(frozen=True, kw_only=True)
class PretendedOptions(AwsOptions):
    queue: str
    wait_seconds: float = field(default=20, metadata={"minimum": 0, "maximum": 20})
    """Seconds one poll waits."""
    tags: Mapping[str, int] = field(default_factory=dict)
    mode: Literal["fast", "safe"] = "safe"


class PretendedQueue:
    """What the loader needs of a connector. A queue whose name ends in .fifo is ordered; ``nowhere`` is refused."""

    Options = PretendedOptions

    def __init__(self, options: PretendedOptions) -> None:
        if options.queue == "nowhere":
            raise OptionsError("queue", "there is no queue 'nowhere'")
        if not options.endpoint_url:
            raise OptionsError("endpoint_url", "no endpoint_url, and allow_aws is false")
        if options.endpoint_url.startswith("ftp"):
            raise OptionsError("endpoint_url", "ftp is no way to a queue")
        if options.profile and options.secret_access_key:
            raise OptionsError("", "profile and keys exclude each other")
        ordered = options.queue.endswith(".fifo")
        self.capabilities = Capabilities(
            envelope="sqs", ordered=ordered, max_batch_size=10 if ordered else 10_000, batching_window=not ordered
        )


class PretendedTopic:
    """A source that can do little."""

    @dataclass(frozen=True, kw_only=True)
    class Options:
        topic: str = "news"
        count: int | None = None
        names: Sequence[str] = ()

    def __init__(self, options: Options) -> None:
        self.capabilities = Capabilities(envelope="raw", item_failures=False, batching_window=False)


@pytest.fixture(autouse=True)
def connectors(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("pretended_connectors")
    module.__dict__.update({"Queue": PretendedQueue, "Topic": PretendedTopic})
    monkeypatch.setitem(sys.modules, module.__name__, module)
    known = {
        "queue": "pretended_connectors:Queue",
        "topic": "pretended_connectors:Topic",
        "rusty": "connectors_client_that_is_not_installed:Queue",
    }
    monkeypatch.setattr(registry, "BUILT_IN", known)


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a file into an otherwise empty working folder that has a function's code in ./code; return its relative path."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text("def handler(event, context):\n    return None\n")

    def to(text: str | bytes, name: str = "pollerd.yaml") -> Path:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(text.encode() if isinstance(text, str) else text)
        return Path(name)

    return to


def document(**changes: Any) -> dict[str, Any]:
    """Return a sound configuration as plain Python, with other top-level keys as given."""
    return {
        "aws": {"endpoint_url": "http://127.0.0.1:4566"},
        "functions": {"orders": {"code": "./code", "runtime": "python3.11", "handler": "app.handler"}},
        "event_source_mappings": {"q": {"source": {"type": "queue", "queue": "q"}, "function": "orders"}},
    } | changes
