"""What is written is read back as it was, by our reader and by PyYAML's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from poller.settings import yaml_text
from poller.settings.nodes import List, Node, Scalar, Table
from poller.settings.problems import Report
from poller.settings.yaml_written import written

TEXTS = st.one_of(
    st.sampled_from(
        ["on", "No", "1e3", "0o17", "1_000", "~", "", " a", "a: b", "- x", "#", "!x", "&a", "1:30", "2026-11-25"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
)
VALUES = st.recursive(
    st.one_of(TEXTS, st.booleans(), st.integers(-1000, 10**12), st.sampled_from([0.5, 0.001, 100.0, 1e-7])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)


def _value(node: Node) -> Any:
    if isinstance(node, Table):
        return {key: _value(entry.node) for key, entry in node.entries.items()}
    return [_value(item) for item in node.items] if isinstance(node, List) else node.value


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_it_comes_back(value: dict[str, Any]) -> None:
    text = written(value)
    assert yaml.safe_load(text) == value
    report = Report()
    tree = yaml_text.parse(Path("x.yaml"), text, report)
    assert tree is not None
    assert not report, report.problems(Scalar(tree.place, None))
    assert _value(tree) == value
