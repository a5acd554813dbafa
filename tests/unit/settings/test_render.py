"""The documents in config/ are what the model renders; ``render.write(Path("config"))`` renders them anew."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from poller.settings import render
from poller.settings.example import example
from poller.settings.load import load
from poller.settings.model import AccountSettings, Composition, FunctionSettings, LogSettings, MappingSettings, Settings
from poller.settings.options import options_of
from poller.settings.schema import schema
from tests.unit.settings.pretended import REGISTRY, Write

CONFIG = Path(__file__).parents[3] / "config"


@pytest.mark.parametrize("name", ["pollerd.yaml", "pollerd.schema.json", "README.md"])
def test_the_files_in_config_are_fresh(name: str) -> None:
    assert (CONFIG / name).read_text() == render.documents(CONFIG)[name]


def test_writing_touches_nothing_but_these_files_and_twice_is_once(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(
        "before\n<!-- options: rendered -->\nstale words\n<!-- options: end -->\nafter\n"
    )
    files = render.write(tmp_path)
    once = {file.name: file.read_text() for file in tmp_path.iterdir()}
    render.write(tmp_path)
    assert sorted(file.name for file in files) == sorted(once) == ["README.md", "pollerd.schema.json", "pollerd.yaml"]
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == once
    assert once["README.md"].startswith("before\n<!-- options: rendered -->\n")
    assert once["README.md"].endswith("<!-- options: end -->\nafter\n")
    assert "stale words" not in once["README.md"]


def test_a_readme_without_the_marks_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine\n")
    with pytest.raises(ValueError, match="marks"):
        render.write(tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine\n"


def test_the_example_loads_and_changes_no_default() -> None:
    settings = load(CONFIG / "pollerd.yaml")
    assert settings.http == Settings().http
    assert settings.log == Settings().log
    assert settings.concurrency == Settings().concurrency
    assert list(settings.functions) == ["orders"]


def test_the_example_still_loads_with_every_option_in_force(tmp_path: Path) -> None:
    text = (CONFIG / "pollerd.yaml").read_text().replace("./examples", str(CONFIG / "examples"))
    before, _, rest = text.partition("    # source:\n")  # the other types of source would be second sources
    text = before + rest[rest.index("    # Function of this configuration") :]
    kinds = (Settings, LogSettings, AccountSettings, FunctionSettings, MappingSettings)
    of_other_shapes = {
        "image_config",
        "remote",
        "starting_position",
        "starting_position_timestamp",
        "destination_config",
    }
    names = {option.name for kind in kinds for option in options_of(kind)} - of_other_shapes
    in_force = re.sub(rf"(?m)^( *)# ((?:{'|'.join(names)}): .*)$", r"\1\2", text)
    assert len(re.findall(r"(?m)^ *# [a-z_]+: ", text)) > len(re.findall(r"(?m)^ *# [a-z_]+: ", in_force))
    (tmp_path / "pollerd.yaml").write_text(in_force)
    settings = load(tmp_path / "pollerd.yaml")
    assert settings.functions["orders"].reserved_concurrency == 8
    assert settings.event_source_mappings["orders-queue"].filter_criteria


def test_the_example_shows_every_option() -> None:
    text = (CONFIG / "pollerd.yaml").read_text()
    for kind in (Settings, *render.sources(["sqs", "memory"]).values()):
        for option in options_of(kind):
            assert re.search(rf"\b{option.name}\b", text), option.name


def test_a_secret_s_default_and_an_outsider_s_options_are_rendered(pretended: None) -> None:
    known = render.sources(["queue", "topic"])
    written = yaml.safe_load(example(known))
    assert written["event_source_mappings"]["orders-queue"]["source"] == {
        "type": "queue",
        "queue": "queue",
        "wait_seconds": 20,
        "mode": "safe",
    }
    assert "| `wait_seconds` | number, 0 to 20 | `20` | Seconds one poll waits. |" in render.table(known)


def test_only_sources_that_can_be_loaded_are_rendered(pretended: None) -> None:
    assert list(render.sources()) == ["queue", "topic"]
    assert "rusty" in REGISTRY


def test_the_schema_refuses_what_the_loader_refuses(pretended: None) -> None:
    rendered = schema(render.sources(["queue", "topic"]))
    function = rendered["properties"]["functions"]["additionalProperties"]
    assert rendered["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert rendered["additionalProperties"] is False
    assert function["allOf"] == [{"if": {"not": {"required": ["remote"]}}, "then": {"required": ["code"]}}]
    assert [form["type"] for form in function["properties"]["code"]["anyOf"]] == ["string", "object"]
    assert function["properties"]["timeout_seconds"] == {
        "description": function["properties"]["timeout_seconds"]["description"],
        "default": 3,
        "anyOf": [{"type": "number", "minimum": 1, "maximum": 900}, {"$ref": "#/$defs/variables"}],
    }
    assert rendered["$defs"]["variables"] == {"type": "string", "pattern": r"\$\{"}
    assert rendered["properties"]["functions"]["propertyNames"] == {"pattern": "^(?:[a-zA-Z0-9_-]{1,64})$"}


def test_the_schema_knows_each_source_s_options_by_its_type(pretended: None) -> None:
    rendered = schema(render.sources(["queue", "topic"]))
    source = rendered["properties"]["event_source_mappings"]["additionalProperties"]["properties"]["source"]
    queue = rendered["$defs"]["source-queue"]
    assert source["properties"]["type"] == {"enum": ["queue", "topic"]}
    assert {"if": {"properties": {"type": {"const": "queue"}}}, "then": {"$ref": "#/$defs/source-queue"}} in source[
        "allOf"
    ]
    assert queue["required"] == ["type", "queue"]
    assert queue["properties"]["mode"] == {
        "default": "safe",
        "anyOf": [{"enum": ["fast", "safe"]}, {"$ref": "#/$defs/variables"}],
    }
    assert queue["properties"]["secret_access_key"]["writeOnly"] is True
    assert queue["additionalProperties"] is False


def test_the_schema_is_json() -> None:
    assert json.loads((CONFIG / "pollerd.schema.json").read_text())["title"] == "Configuration of pollerd"


def test_every_object_of_the_schema_is_closed() -> None:
    def objects(value: Any) -> list[dict[str, Any]]:
        if isinstance(value, list):
            return [found for item in value for found in objects(item)]
        if not isinstance(value, dict):
            return []
        return [value] * ("properties" in value and value.get("type") == "object") + objects(list(value.values()))

    rendered = json.loads((CONFIG / "pollerd.schema.json").read_text())
    is_open = [found for found in objects(rendered) if "additionalProperties" not in found and "allOf" not in found]
    assert is_open == []


def test_a_file_may_use_every_key_of_the_schema(write: Write) -> None:
    options = [*options_of(Composition), *options_of(Settings)]
    assert set(schema({})["properties"]) == {option.name for option in options}
