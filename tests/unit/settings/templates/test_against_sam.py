"""AWS's own transform as an oracle: a SAM template means what the CloudFormation that it is transformed to means."""

from __future__ import annotations

import collections
import json
from pathlib import Path
from typing import Any

import pytest

from poller.settings.nodes import List, Node, Place, Scalar, Table, from_value
from poller.settings.problems import Report
from poller.settings.templates.documents import Documents
from poller.settings.templates.parameters import parameters
from poller.settings.templates.read import parsed, pseudo
from poller.settings.templates.resolver import Resolver

sam = pytest.importorskip("samtranslator.translator.transform", reason="aws-sam-translator is not installed")

TEMPLATES = sorted((Path(__file__).parents[3] / "golden/templates").glob("*.yaml"))
APART = {"aliases", "url", "provisioned_concurrency"}  # resources of their own in CloudFormation
BY_DEFAULT = {"batch_size": 10, "enabled": True}  # what SAM writes out for the queue of a topic


class Policies:
    """SAM asks for the ARNs of managed policies, which mean nothing here."""

    def load(self) -> dict[str, str]:
        return collections.defaultdict(lambda: "arn:aws:iam::aws:policy/any")


def plain(node: Node) -> Any:
    if isinstance(node, Table):
        return {key: plain(entry.node) for key, entry in node.entries.items()}
    return [plain(item) for item in node.items] if isinstance(node, List) else node.value


def read(file: Path) -> dict[str, Any]:
    """Functions and mappings; the code, in buckets all, stands in the configuration."""
    report = Report()
    root = parsed(file, report)
    assert root is not None
    resolver = Resolver(root, parameters(root, {}, report), pseudo(Table(Place(file), {})))
    resources = root.entries["Resources"].node
    assert isinstance(resources, Table)
    kinds = {name: resolver.kind(name) for name in resources.entries}
    own = {
        resolver.name(name): {"code": "x", "layers": []} for name, kind in kinds.items() if kind.endswith("::Function")
    }
    mine = {"functions": own, "event_source_mappings": {}}
    found = plain(Documents(resolver, _tree(mine, file), report, lambda _: None).sections())
    assert report.problems(Scalar(Place(file), None)) == []
    functions = {
        name: {key: value for key, value in each.items() if key not in APART}
        for name, each in found["functions"].items()
    }
    mappings = {
        name: BY_DEFAULT | each | {"function": each["function"].partition(":")[0]}
        for name, each in found.get("event_source_mappings", {}).items()
    }
    return {"functions": functions, "event_source_mappings": mappings}


def _tree(value: object, file: Path) -> Table:
    tree = from_value(value, Place(file))
    assert isinstance(tree, Table)
    return tree


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.stem)
def test_a_sam_template_means_what_its_transform_means(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from samtranslator.yaml_helper import yaml_parse  # noqa: PLC0415  # it may be missing

    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    transformed = sam.transform(yaml_parse(file.read_text()), {}, Policies())
    assert not any(each["Type"].startswith("AWS::Serverless") for each in transformed["Resources"].values())
    (tmp_path / "transformed.json").write_text(json.dumps(transformed))
    ours = read(file)
    assert ours["functions"]
    assert ours == read(tmp_path / "transformed.json")
