"""Which templates a configuration is made of, and the configuration's tree with them in it.

A template is told by its content. Given in the place of a configuration it goes with the pollerd.yaml beside it, where there is one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from poller.settings import json_text, yaml_text
from poller.settings.nodes import List, Node, Place, Table, measure
from poller.settings.problems import Report
from poller.settings.templates.documents import Documents, joined
from poller.settings.templates.notices import Tell
from poller.settings.templates.parameters import GIVEN, parameters, refuse_unknown
from poller.settings.templates.resolver import Resolver
from poller.settings.templates.trees import items, member, table, text

LISTED = "templates"
"""The key of the configuration that names templates."""
STACK = "local"
"""AWS::StackName; SAM's own local commands call it so."""
_SIGNS = ("AWSTemplateFormatVersion", "AWS::Serverless", '"AWS::', "AWS::")
_MOST_VALUES, _DEEPEST = 200_000, 60


def is_template(path: Path) -> bool:
    """Whether a file is a SAM or CloudFormation template: by its sections, whatever its name."""
    tree = parsed(path, Report())
    return tree is not None and "Resources" in tree.entries


def configuration_of(path: Path) -> Path | None:
    """What to read as pollerd's own configuration: the path itself, or of a template what is beside it; None: nothing is."""
    if not (path.is_file() and is_template(path)):
        return path
    beside = path.parent / "pollerd.yaml"
    return beside if beside.is_file() else None


@dataclass(frozen=True, slots=True)
class Joined:
    """A configuration with its templates under it. sections: what is theirs alone. files: of the templates."""

    whole: Table
    sections: Table
    files: tuple[Path, ...]


def with_templates(base: Table, path: Path, report: Report, tell: Tell) -> Joined:
    """Return a configuration with the templates in it that it names, or that ``path`` is."""
    files = [(path, Place(path))] if configuration_of(path) != path else []
    listed = member(base, LISTED)
    for item in items(listed) if isinstance(listed, List) else []:
        file = item.place.file.absolute().parent / (text(item) or "")
        if file.resolve() not in {known.resolve() for known, _ in files}:
            files.append((file, item.place))
    whole, sections = _joined(base, files, report, tell)
    return Joined(whole, sections, tuple(file for file, _ in files))


def _joined(base: Table, files: list[tuple[Path, Place]], report: Report, tell: Tell) -> tuple[Table, Table]:
    """The configuration as it is where there are no templates, or one cannot be read."""
    given = {name: entry.node for name, entry in table(member(base, GIVEN), base.place).entries.items()}
    nothing = Table(base.place, {})
    whole, seen = base, nothing
    declared: set[str] = set()
    for file, place in files:
        tree = parsed(file, report, place)
        if tree is None:
            return base, nothing
        declared |= set(table(member(tree, "Parameters"), tree.place).entries)
        resolver = Resolver(tree, parameters(tree, given, report), pseudo(base))
        whole, seen = joined(base, Documents(resolver, base, report, tell).sections(), report, seen)
    refuse_unknown(declared, given, report)
    return whole, seen


def parsed(file: Path, report: Report, named_at: Place | None = None) -> Table | None:
    """Return a template's tree, or None: it cannot be read, or is none."""
    try:
        content = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        report.add((LISTED,), f"{file} cannot be read: {reason}", place=named_at)
        return None
    tree: Node | None = None
    if any(sign in content for sign in _SIGNS):
        is_json = content.lstrip().startswith("{")
        try:
            parsed = (
                json_text.parse(file, content, report)
                if is_json
                else yaml_text.parse(file, content, report, short_forms=True)
            )
            values, depth = measure(parsed) if parsed else (0, 0)
        except RecursionError:
            parsed, values, depth = None, 0, _DEEPEST + 1
        if values > _MOST_VALUES or depth > _DEEPEST:
            report.add((LISTED,), f"{file} has too many values, or values too deep", place=named_at)
            return None
        tree = parsed
    if not isinstance(tree, Table) or "Resources" not in tree.entries:
        if not report:
            report.add((LISTED,), f"{file} is no SAM or CloudFormation template", place=named_at)
        return None
    return tree


def pseudo(base: Table) -> Mapping[str, str]:
    """The pseudo parameters: what the configuration says of its AWS, else what the environment does, else what the daemon takes."""

    def said(key: str, variables: tuple[str, ...], default: str) -> str:
        own = text(member(base, "aws", key))
        return own or next(filter(None, map(os.environ.get, variables)), default)

    region = said("region", ("AWS_REGION", "AWS_DEFAULT_REGION"), "us-east-1")
    account = said("account_id", (), "000000000000")
    partition = {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(region.rpartition("-")[0].rpartition("-")[0], "aws")
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    return {
        "Region": region,
        "AccountId": account,
        "Partition": partition,
        "URLSuffix": suffix,
        "StackName": STACK,
        "StackId": f"arn:{partition}:cloudformation:{region}:{account}:stack/{STACK}/{STACK}",
        "sqs": said("endpoint_url", ("AWS_ENDPOINT_URL",), f"https://sqs.{region}.{suffix}").rstrip("/"),
    }
