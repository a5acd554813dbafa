"""``pollerd check``: everything ``run`` would refuse, without running anything; and whether an event passes a mapping's filters."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from poller.aio.clock import SystemClock
from poller.cli import configuration
from poller.control.trials import Trial, trials
from poller.envelope import Content
from poller.observe.logs import Log
from poller.pipeline.filter import compile_criteria
from poller.settings.load import Loaded, profiles_of
from poller.settings.mappings import content as content_of
from poller.settings.model import MappingSettings, Settings
from poller.settings.problems import SettingsError


def add(parser: argparse.ArgumentParser) -> None:
    """Description and arguments of the verb."""
    parser.description = (
        "Check a configuration; without --connect nothing is contacted. "
        "With --event: tell which records of an event pass the filters of a mapping, and why not."
    )
    configuration.add_argument(parser)
    parser.add_argument("--all-profiles", action="store_true", help="check it with none, and with each of its profiles")
    parser.add_argument(
        "--connect", action="store_true", help="try every source, and start an environment of every function"
    )
    parser.add_argument("--json", action="store_true", help="with --connect: an object a line instead of words")
    help_ = "JSON: an event of the source, one record of it, or what a record holds; and the mapping's name"
    parser.add_argument("--event", nargs=2, metavar=("FILE", "MAPPING"), help=help_)
    parser.set_defaults(call=call)


def call(given: argparse.Namespace) -> int:
    """0: usable, works, or every record passes. 1: a record is dropped, or something does not work. 2: options that do not go together."""
    if (given.json and not given.connect) or bool(given.event) + given.connect + given.all_profiles > 1:
        print("one of --event, --connect and --all-profiles at a time; --json goes with --connect", file=sys.stderr)
        return 2
    if given.all_profiles:
        return _check_profiles(given.config, dict(given.parameters))
    try:
        found = configuration.loaded(given.config, given.profile, parameters=dict(given.parameters))
    except SettingsError as error:
        configuration.tell(error)
        return configuration.UNUSABLE
    if given.event:
        return _check_event(found.settings, Path(given.event[0]), given.event[1])
    if not given.json:
        _told(found)
    return asyncio.run(_connect(found.settings, as_json=given.json)) if given.connect else 0


async def _connect(settings: Settings, *, as_json: bool) -> int:
    """Try what the configuration leads to, a line each. 0: all works. 1: something does not."""
    log, failures = Log(settings.log.format, settings.log.level), 0

    def told(trial: Trial) -> None:
        nonlocal failures
        failures += not trial.ok
        words = f"{'works' if trial.ok else 'FAILS'} after {trial.seconds:.2f} s: {trial.text}"
        print(json.dumps(dataclasses.asdict(trial)) if as_json else f"{trial.kind} {trial.name}: {words}", flush=True)

    try:
        await trials(settings, lambda emit: configuration.driver(settings, emit), log, SystemClock(), told)
    finally:
        log.flush()
    return 1 if failures else 0


def _check_profiles(path: Path | None, parameters: Mapping[str, str]) -> int:
    """Each profile by itself, and none: one line each, and its problems. 0: all can be used."""
    try:
        names = profiles_of(path)
    except SettingsError as error:
        configuration.tell(error)
        return configuration.UNUSABLE
    code = 0
    for name in names:
        print(f"profile {name}:" if name else "no profile:", flush=True)
        try:
            _told(configuration.loaded(path, name, parameters=parameters))
        except SettingsError as error:
            configuration.tell(error)
            code = configuration.UNUSABLE
    return code


def _told(found: Loaded) -> None:
    settings = found.settings
    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for notice in found.notices:
        print(f"passed over: {notice}", file=sys.stderr)
    functions, mappings = len(settings.functions), len(settings.event_source_mappings)
    print(f"the configuration can be used: functions: {functions}, event source mappings: {mappings}")
    print(f"functions are kept apart by: {configuration.sandbox(settings)}")


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
