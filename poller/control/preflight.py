"""What must hold beyond the settings: this host can run the functions, versions named exist, filters compile, folders take failures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from poller.control import versions
from poller.control.assemble import spec
from poller.control.state import FrozenError, Published, Version
from poller.control.store import StoreError
from poller.execution.contract import Driver
from poller.pipeline.filter import FilterError, compile_criteria
from poller.settings.asynchronous import FUNCTION
from poller.settings.asynchronous import destinations as event_destinations
from poller.settings.destinations import destination
from poller.settings.mappings import content, source
from poller.settings.model import EventInvokeSettings, FunctionSettings, Settings
from poller.settings.nodes import Keys
from poller.settings.package import PackageError
from poller.settings.problems import Finding
from poller.settings.references import LATEST, function_reference, is_number, loaded_reference
from poller.settings.streams import check_timeout


def runnable(settings: Settings, driver: Driver) -> Iterator[Finding]:
    """Functions that this host cannot run, with the reason."""
    for name, function in settings.functions.items():
        try:
            problems = driver.problems(spec(name, function, settings))
        except PackageError as error:
            yield Finding(("functions", name, "code"), str(error))
        else:
            yield from (Finding(("functions", name, "runtime"), problem) for problem in problems)


def published(settings: Settings, driver: Driver) -> Iterator[Finding]:
    """Versions that an alias or a mapping names and that do not exist, or that this host cannot run."""
    try:
        found = versions.published(settings)
    except StoreError as error:
        yield Finding(("state",), str(error))
        return
    for keys, name, number in _named(settings):
        of_it = found.of(name)
        version = next((version for version in of_it.values() if str(version.number) == number), None)
        if version is None:
            known = f"published are {', '.join(map(str, of_it))}" if of_it else "none is published"
            yield Finding(keys, f"{name} has no version {number}", f"{known}; `pollerd publish {name}` makes the next")
        else:
            yield from (Finding(keys, problem) for problem in _problems(version, settings, driver))
    yield from _timeouts(settings, found)


def _timeouts(settings: Settings, found: Published) -> Iterator[Finding]:
    """Functions that may take longer than the source of a mapping bears that leads to them, by an alias or a number, too."""
    for name, mapping in settings.event_source_mappings.items():
        reference = loaded_reference(mapping.function)
        alias = settings.functions[reference.name].aliases.get(reference.qualifier)
        for qualifier in sorted({alias.version, *alias.weights} if alias else {reference.qualifier}):
            function = _function(reference.name, qualifier, settings, found)
            if function is not None:
                keys = ("event_source_mappings", name, "function")
                yield from check_timeout(keys, function.timeout_seconds, source(mapping).capabilities)


def _function(name: str, qualifier: str, settings: Settings, found: Published) -> FunctionSettings | None:
    """Settings of one version; None of one that is not there or cannot be read, which is said of whoever names it."""
    if not is_number(qualifier):
        return settings.functions[name]
    version = found.of(name).get(int(qualifier))
    try:
        return versions.frozen_settings(version, settings) if version else None
    except FrozenError:
        return None


def filters(settings: Settings) -> Iterator[Finding]:
    """Filters that can never be applied, with AWS's own reason."""
    for name, mapping in settings.event_source_mappings.items():
        try:
            compile_criteria(mapping.filter_criteria, content(mapping))
        except FilterError as error:
            yield Finding(("event_source_mappings", name, "filter_criteria"), str(error))


def folders(settings: Settings) -> Iterator[Finding]:
    """Folders for failure records that cannot be made or written to."""
    for keys, text in _destinations(settings):
        scheme, _, folder = text.partition(":")
        if scheme != "file":
            continue
        there = next(path for path in (Path(folder), *Path(folder).parents) if path.exists())
        problem = (
            "is no folder"
            if not there.is_dir()
            else ""
            if os.access(there, os.W_OK | os.X_OK)
            else "is not ours to write to"
        )
        if problem:
            yield Finding(keys, f"{there} {problem}", "name a folder that this user may make or write to")


def _destinations(settings: Settings) -> Iterator[tuple[Keys, str]]:
    """All destinations of mappings and of asynchronous invocations, and where they stand."""
    for name, mapping in settings.event_source_mappings.items():
        yield ("event_source_mappings", name, "destination_config", "on_failure", "destination"), destination(mapping)
    for name, function in settings.functions.items():
        own = "event_invoke_config"
        configs: dict[Keys, EventInvokeSettings | None] = {(own,): function.event_invoke_config}
        configs |= {("aliases", alias, own): to.event_invoke_config for alias, to in function.aliases.items()}
        configs |= {("event_invoke_versions", number): of for number, of in function.event_invoke_versions.items()}
        for below, config in configs.items():
            of_it = ("functions", name, *below, "destination_config")
            success, failure = event_destinations(config or EventInvokeSettings())
            yield (*of_it, "on_success", "destination"), success
            yield (*of_it, "on_failure", "destination"), failure


def _named(settings: Settings) -> Iterator[tuple[Keys, str, str]]:
    """Where a version is named by its number, of which function, and the number."""
    for name, function in settings.functions.items():
        for alias, to in function.aliases.items():
            keys = ("functions", name, "aliases", alias)
            if to.version != LATEST:
                yield (*keys, "version"), name, to.version
            yield from (((*keys, "weights", second), name, second) for second in to.weights)
        for key in ("provisioned_versions", "event_invoke_versions"):
            yield from ((("functions", name, key, number), name, number) for number in getattr(function, key))
    for mapping, of_it in settings.event_source_mappings.items():
        reference = loaded_reference(of_it.function)
        if is_number(reference.qualifier):
            yield ("event_source_mappings", mapping, "function"), reference.name, reference.qualifier
    for where, text in _destinations(settings):
        told = function_reference(text) if FUNCTION in text else None
        if told is not None and is_number(told.qualifier):
            yield where, told.name, told.qualifier


def _problems(version: Version, settings: Settings, driver: Driver) -> list[str]:
    what = f"version {version.number} of {version.function}"
    try:
        frozen = versions.frozen_settings(version, settings)
        problems = driver.problems(spec(version.function, frozen, settings, str(version.number)))
    except (FrozenError, PackageError) as error:
        problems = [str(error)]
    return [f"{what} cannot run: {problem}" for problem in problems]
