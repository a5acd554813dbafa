"""Whatever stands in a file: valid values come out as they went in, anything else is a SettingsError, and no secret is ever told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import registry
from poller.settings.load import load
from poller.settings.model import (
    AccountSettings,
    FunctionSettings,
    HttpSettings,
    LogSettings,
    MappingSettings,
    Settings,
    SourceSettings,
)
from poller.settings.problems import SettingsError
from tests.unit.settings.pretended import REGISTRY, QueueOptions

SECRET = "hunter2"
IDENTITY = {"profile", "access_key_id", "secret_access_key", "session_token"}
ENDPOINT = "http://127.0.0.1:4566"

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0$"), max_size=20)
names = st.from_regex(r"[a-zA-Z0-9_-]{1,64}", fullmatch=True)
variables = st.from_regex(r"X[a-zA-Z0-9_]{1,9}", fullmatch=True)
values = st.none() | st.booleans() | st.integers() | texts
patterns = st.dictionaries(texts.filter(lambda key: key.lower() != "pattern"), st.lists(values), max_size=3)
unhurried = settings(deadline=None)  # a folder, a file and a registry take their time on a busy machine


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with code for a function, where pretended connectors are the known ones."""
    folder = tmp_path_factory.mktemp("settings")
    (folder / "code").mkdir()
    (folder / "code" / "app.py").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "BUILT_IN", REGISTRY)
        patch.chdir(folder)
        yield folder


def optional(strategy: st.SearchStrategy[Any], default: Any) -> st.SearchStrategy[Any]:
    return st.just(default) | strategy


@st.composite
def functions(draw: st.DrawFn) -> FunctionSettings:
    return FunctionSettings(
        code=str(Path.cwd() / "code"),
        runtime=draw(st.sampled_from(["python3.11", "python3.13"])),
        handler="app.handler",
        timeout_seconds=draw(st.floats(1, 900)),
        memory_mb=draw(st.integers(128, 10240)),
        environment=draw(st.dictionaries(variables, texts, max_size=5)),
        reserved_concurrency=draw(optional(st.integers(0, 50), None)),
        idle_timeout_seconds=draw(st.floats(1, 1e9)),
    )


@st.composite
def mappings(draw: st.DrawFn, functions: list[str], aws: AccountSettings) -> MappingSettings:
    fifo = draw(st.booleans())
    window = 0.0 if fifo else draw(st.just(0.0) | st.floats(1, 300))
    options = QueueOptions(
        queue=draw(names) + (".fifo" if fifo else ".q"),
        wait_seconds=draw(st.floats(0, 20)),
        tags=draw(st.dictionaries(texts, st.integers(), max_size=3)),
        mode=draw(st.sampled_from(["fast", "safe"])),
        region=draw(optional(texts, aws.region)),
        endpoint_url=aws.endpoint_url,
        allow_aws=draw(st.booleans()),
    )
    return MappingSettings(
        source=SourceSettings(type="queue", options=options),
        function=draw(st.sampled_from(functions)) + draw(st.sampled_from(["", ":$LATEST"])),
        enabled=draw(st.booleans()),
        batch_size=draw(optional(st.integers(1, 10_000 if window else 10), None)),
        maximum_batching_window_seconds=window,
        filter_criteria=tuple(draw(st.lists(patterns | patterns.map(json.dumps), max_size=10))),
        function_response_types=draw(st.sampled_from([(), ("ReportBatchItemFailures",)])),
        maximum_concurrency=draw(optional(st.integers(1, 1000), None)),
        envelope=draw(st.sampled_from([None, "sqs", "sns", "raw"])),
    )


@st.composite
def configurations(draw: st.DrawFn) -> Settings:
    aws = AccountSettings(
        region=draw(texts),
        endpoint_url=ENDPOINT,
        account_id=draw(st.from_regex(r"[0-9]{12}", fullmatch=True)),
    )
    known = draw(st.dictionaries(names, functions(), max_size=3))
    polled = draw(st.dictionaries(names, mappings(list(known), aws), max_size=3)) if known else {}
    return Settings(
        state=str(Path.cwd() / "state"),
        concurrency=draw(st.integers(1000)),
        stop_timeout_seconds=draw(st.floats(1, 1e9)),
        http=HttpSettings(listen=f"127.0.0.1:{draw(st.integers(0, 65535))}"),
        log=LogSettings(
            format=draw(st.sampled_from(["auto", "text", "json"])),
            level=draw(st.sampled_from(["debug", "info", "error"])),
        ),
        aws=aws,
        functions=known,
        event_source_mappings=polled,
    )


def written(value: Any) -> Any:
    """Return settings as one writes them: what is None is left out, and a source's options stand beside its type."""
    if isinstance(value, SourceSettings):
        return {"type": value.type} | {key: item for key, item in written(value.options).items() if key not in IDENTITY}
    if hasattr(value, "__dataclass_fields__"):
        return {
            name: written(getattr(value, name))
            for name in value.__dataclass_fields__
            if getattr(value, name) is not None
        }
    if isinstance(value, dict) and all(hasattr(item, "__dataclass_fields__") for item in value.values()):
        return {name: written(item) for name, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


class Quoting(yaml.SafeDumper):
    """Puts every text in quotes: this writer leaves out those of 0e0, which other readers take for a number."""


Quoting.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


@unhurried
@given(data=st.data(), as_yaml=st.booleans())
def test_valid_values_come_out_as_they_went_in(folder: Path, data: st.DataObject, as_yaml: bool) -> None:
    expected = data.draw(configurations())
    file = folder / ("valid.yaml" if as_yaml else "valid.json")
    document = written(expected)
    file.write_text(yaml.dump(document, Dumper=Quoting) if as_yaml else json.dumps(document), "utf-8")
    assert load(file) == expected


KEYS = [
    *(
        "aws",
        "functions",
        "event_source_mappings",
        "http",
        "log",
        "state",
        "concurrency",
        "orders",
        "q",
        "source",
        "type",
        "queue",
    ),
    *(
        "code",
        "runtime",
        "handler",
        "environment",
        "timeout_seconds",
        "batch_size",
        "filter_criteria",
        "function",
        "envelope",
    ),
    *(
        "secret_access_key",
        "region",
        "endpoint_url",
        "profile",
        "maximum_batching_window_seconds",
        "reserved_concurrency",
    ),
]
VALUES = [
    "queue",
    "topic",
    "rusty",
    "orders",
    "q.fifo",
    "nowhere",
    "./code",
    "app.handler",
    "python3.11",
    ENDPOINT,
    "sns",
    "010",
    "no",
]
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(VALUES) | texts
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | texts, inner, max_size=5),
    max_leaves=30,
)
SYNTAX = [
    *(": ", ":\n", "\n", "  ", "- ", "[", "]", "{", "}", ", ", "&a ", "*a", "<<: ", "!t ", "'", '"', "|\n", "#"),
    *("%", "---\n", "\t", "? ", "\\x", "\ufeff", "=", "[a.b]\n", "1_0", "\x00"),
]
fragments = st.lists(st.sampled_from([*KEYS, *VALUES, *SYNTAX]) | st.text(max_size=3), max_size=40).map("".join)


def accepts_or_refuses(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    try:
        load(file)
    except SettingsError as error:
        assert error.problems  # noqa: PT017 - either outcome is right; what is refused says why


@pytest.mark.parametrize("suffix", [".yaml", ".json", ".toml"])
@unhurried
@given(text=fragments)
def test_any_text_loads_or_is_refused(folder: Path, suffix: str, text: str) -> None:
    accepts_or_refuses(folder / f"any{suffix}", text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("suffix", [".yaml", ".json", ".toml"])
@unhurried
@given(content=st.binary(max_size=60))
def test_any_bytes_load_or_are_refused(folder: Path, suffix: str, content: bytes) -> None:
    accepts_or_refuses(folder / f"any{suffix}", content)


@unhurried
@given(tree=trees)
def test_any_tree_loads_or_is_refused(folder: Path, tree: Any) -> None:
    accepts_or_refuses(folder / "tree.yaml", yaml.safe_dump(tree, allow_unicode=True).encode())
    accepts_or_refuses(folder / "tree.json", json.dumps(tree).encode())


@unhurried
@given(function=trees, mapping=trees, aws=trees, reserved=trees)
def test_any_tree_in_a_section_loads_or_is_refused(
    folder: Path, function: Any, mapping: Any, aws: Any, reserved: Any
) -> None:
    sound = {"code": "./code", "runtime": "python3.11", "handler": "app.handler", "reserved_concurrency": reserved}
    document = {
        "aws": aws,
        "functions": {"orders": sound, "other": function},
        "event_source_mappings": {"q": mapping, "r": {"source": mapping, "function": function}},
    }
    accepts_or_refuses(folder / "section.json", json.dumps(document).encode())


secrets = st.recursive(
    st.just(SECRET),
    lambda inner: st.lists(inner, min_size=1, max_size=2) | st.dictionaries(st.just("key"), inner, min_size=1),
    max_leaves=3,
)


@unhurried
@given(data=st.data())
def test_no_secret_is_told_wherever_it_went_wrong(folder: Path, data: st.DataObject) -> None:
    keys = ["access_key_id", "secret_access_key", "session_token", "secret_acces_key"]
    identity = st.dictionaries(st.sampled_from(keys), secrets)
    document = {
        "aws": data.draw(identity) | {"endpoint_url": ENDPOINT},
        "functions": {
            "orders": {"code": "./code", "runtime": "python3.11", "handler": "app.handler"}
            | {"environment": data.draw(st.dictionaries(variables, secrets) | secrets)}
        },
        "event_source_mappings": {
            "q": {"source": {"type": "queue", "queue": "q"} | data.draw(identity), "function": "orders"},
            "t": {"source": {"type": "topic", "password": data.draw(secrets)}, "function": "orders"},
        },
    }
    file = folder / "secrets.json"
    file.write_text(json.dumps(document))
    try:
        shown = repr(load(file))
    except SettingsError as error:
        shown = f"{error} {error!r}"
    assert SECRET not in shown
