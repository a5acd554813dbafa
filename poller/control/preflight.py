"""What must hold beyond the settings themselves: this host can run the functions, the filters compile."""

from __future__ import annotations

from collections.abc import Iterator

from poller.control.assemble import spec
from poller.execution.contract import Driver
from poller.pipeline.filter import FilterError, compile_criteria
from poller.settings.model import Settings
from poller.settings.package import PackageError
from poller.settings.problems import Finding


def runnable(settings: Settings, driver: Driver) -> Iterator[Finding]:
    """Functions that this host cannot run, with the reason."""
    for name, function in settings.functions.items():
        try:
            problems = driver.problems(spec(name, function, settings))
        except PackageError as error:
            yield Finding(("functions", name, "code"), str(error))
        else:
            yield from (Finding(("functions", name, "runtime"), problem) for problem in problems)


def filters(settings: Settings) -> Iterator[Finding]:
    """Filters that can never be applied, with AWS's own reason."""
    for name, mapping in settings.event_source_mappings.items():
        try:
            compile_criteria(mapping.filter_criteria)
        except FilterError as error:
            yield Finding(("event_source_mappings", name, "filter_criteria"), str(error))
