from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from connectors import registry
from connectors.memory.queue import MemorySource
from connectors.registry import GROUP, MissingClientError, UnknownConnectorError, load, names


def outsiders(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, str]) -> None:
    installed = [EntryPoint(name, value, GROUP) for name, value in points]

    def entry_points(*, group: str, name: str | None = None) -> list[EntryPoint]:
        assert group == GROUP
        return [point for point in installed if name in {None, point.name}]

    monkeypatch.setattr(registry, "entry_points", entry_points)


@pytest.mark.parametrize("name", registry.BUILT_IN)
def test_every_built_in_name_leads_to_a_connector(name: str) -> None:
    connector = load(name)
    assert connector.Options
    assert callable(connector)


def test_an_outsider_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    outsiders(monkeypatch, ("theirs", "connectors.memory.queue:MemorySource"))
    loaded: Any = load("theirs")
    assert loaded is MemorySource
    assert names() == sorted([*registry.BUILT_IN, "theirs"])


def test_an_outsider_cannot_take_a_built_in_name(monkeypatch: pytest.MonkeyPatch) -> None:
    outsiders(monkeypatch, ("memory", "no.such.module:Thing"))
    loaded: Any = load("memory")
    assert loaded is MemorySource
    assert names() == sorted(registry.BUILT_IN)


def test_an_unknown_name_is_answered_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    outsiders(monkeypatch, ("theirs", "somewhere:Thing"))
    with pytest.raises(UnknownConnectorError, match=r"'sqss'.*memory, .*sqs, theirs"):
        load("sqss")


def test_a_missing_client_library_is_answered_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    outsiders(monkeypatch, ("theirs", "no_such_client:Thing"))
    with pytest.raises(
        MissingClientError, match="'theirs' needs no_such_client; install what no_such_client:Thing asks"
    ):
        load("theirs")


@pytest.mark.parametrize(("name", "client", "extra"), [("sqs", "aiobotocore", "sqs"), ("redis-list", "redis", "redis")])
def test_a_source_without_its_client_names_the_extra(name: str, client: str, extra: str) -> None:
    script = (
        f"import sys; sys.modules['{client}'] = None\n"
        "from connectors.registry import load, MissingClientError\n"
        f"try: load('{name}')\n"
        "except MissingClientError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"source type '{name}' needs {client}")
    assert done.stdout.strip().endswith(f"install pollerd[{extra}]")


def test_no_client_library_is_imported_before_it_is_needed() -> None:
    script = (
        "import sys, connectors.registry, connectors.memory.queue, connectors.aws.options, connectors.testing\n"
        "connectors.registry.names(); connectors.registry.load('memory')\n"
        "print([name for name in ('aiobotocore', 'botocore', 'aiohttp', 'redis') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
