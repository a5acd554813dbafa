"""``pollerd check``: everything ``run`` would refuse, without running anything; and whether an event passes a mapping's filters."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from poller.cli import configuration
from poller.envelope import Content
from poller.pipeline.filter import compile_criteria
from poller.settings.mappings import content as content_of
from poller.settings.model import MappingSettings, Settings


def add(parser: argparse.ArgumentParser) -> None:
    """Description and arguments of the verb."""
    parser.description = "Check a configuration. With --event: tell which records of an event pass the filters of a mapping, and why not."
    configuration.add_argument(parser)
    help_ = "JSON: an event of the source, one record of it, or what a record holds; and the mapping's name"
    parser.add_argument("--event", nargs=2, metavar=("FILE", "MAPPING"), help=help_)
    parser.set_defaults(call=call)


def call(given: argparse.Namespace) -> int:
    """0: usable, or every record passes. 1: a record is dropped."""
    settings = configuration.read(given.config, tell=configuration.note)
    if given.event:
        return _check_event(settings, Path(given.event[0]), given.event[1])
    functions, mappings = len(settings.functions), len(settings.event_source_mappings)
    print(f"the configuration can be used: functions: {functions}, event source mappings: {mappings}")
    print(f"functions are kept apart by: {configuration.sandbox(settings)}")
    return 0


def _check_event(settings: Settings, file: Path, name: str) -> int:
    mapping = settings.event_source_mappings.get(name)
    if mapping is None:
        known = ", ".join(settings.event_source_mappings) or "none"
        print(f"there is no mapping {name!r}; known are {known}", file=sys.stderr)
        return 2
    try:
        text = file.read_text()
    except OSError as error:
        print(f"{file} cannot be read: {error.strerror}", file=sys.stderr)
        return 2
    content = content_of(mapping)
    verdicts = [_explain(mapping, record, content) for record in _records(text, content)]
    for n, (passes, text) in enumerate(verdicts):
        print(f"record {n}: {'passes' if passes else 'is dropped'}{text}")
    return 0 if all(passes for passes, _ in verdicts) else 1


def _explain(mapping: MappingSettings, record: dict[str, Any], content: Content) -> tuple[bool, str]:
    if not mapping.filter_criteria:
        return True, ": the mapping has no filters"
    explanation = compile_criteria(mapping.filter_criteria, content).explain(record)
    lines = "".join(f"\n  {refusal}" for refusal in explanation.refusals)
    return explanation.admitted, "" if explanation.admitted else lines


def _records(text: str, content: Content) -> list[dict[str, Any]]:
    """An event's records, the one record, or a record that holds that text."""
    try:
        value = json.loads(text)
    except ValueError:
        return [content.wrap(text)]
    if not isinstance(value, dict):
        return [content.wrap(text)]
    listed = value.get("Records")
    if isinstance(value.get("records"), dict):  # Kafka's are grouped by partition
        listed = [record for partition in value["records"].values() for record in partition]
    if isinstance(listed, list):
        return [each if isinstance(each, dict) else content.wrap(json.dumps(each)) for each in listed]
    return [value] if content.is_record(value) else [content.wrap(text)]
