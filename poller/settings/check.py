"""Cross-checks: what must hold between the parts of a configuration. Pure but for a look at the file system.

Every way to new settings ends here, a file or a call, so findings name keys; load.py knows where in which file those are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from poller.settings.asynchronous import check_asynchronous
from poller.settings.functions import check_function
from poller.settings.http import check_http
from poller.settings.mappings import check_mapping
from poller.settings.model import Settings
from poller.settings.nodes import Keys
from poller.settings.problems import Finding
from poller.settings.provisioned import check_provisioned
from poller.settings.shipping import check_shipping
from poller.settings.tracing import check_tracing
from poller.settings.urls import check_urls


def check(
    settings: Settings,
    sound: Callable[[Keys], bool] = lambda _: True,
    *,
    functions: Collection[str] | None = None,
    mappings: Collection[str] | None = None,
) -> Iterator[Finding]:
    """Everything that does not hold. sound: whether the value at these keys could be read; what was not is passed over.

    functions, mappings: those to look at, because only they have changed; None: all.
    """
    yield from check_http(settings.http, sound)
    if sound(("state",)):
        yield from _state(settings)
    yield from _concurrency(settings, sound)
    yield from check_provisioned(settings, sound)
    yield from check_urls(settings, sound)
    if sound(("function_logs",)) and sound(("aws",)):
        yield from check_shipping(settings)
    if sound(("tracing",)):
        yield from check_tracing(settings)
    for name in settings.functions if functions is None else functions:
        yield from check_function(("functions", name), settings.functions[name], sound)
    yield from check_asynchronous(settings, sound)
    for name in settings.event_source_mappings if mappings is None else mappings:
        mapping = settings.event_source_mappings[name]
        yield from check_mapping(("event_source_mappings", name), mapping, settings, sound)


def _state(settings: Settings) -> Iterator[Finding]:
    folder = Path(settings.state)
    try:
        nearest = next(path for path in (folder, *folder.parents) if path.exists())
        if not nearest.is_dir():
            yield Finding(("state",), f"{nearest} is not a folder")
        elif not os.access(nearest, os.W_OK | os.X_OK):
            yield Finding(("state",), f"nothing may be written in {nearest}")
    except OSError as error:
        yield Finding(("state",), f"this folder cannot be used: {error.strerror}")


def _concurrency(settings: Settings, sound: Callable[[Keys], bool]) -> Iterator[Finding]:
    """Reservations that leave too little."""
    if not sound(("concurrency",)):
        return
    total = settings.concurrency
    reserved = 0
    others = []
    last: Keys = ()
    for name, function in settings.functions.items():
        keys = ("functions", name, "reserved_concurrency")
        if not sound(keys):
            continue
        if function.reserved_concurrency is None:
            others.append(name)
        else:
            reserved += function.reserved_concurrency
            last = keys
    if reserved > total:
        yield Finding(last, f"reserved for all functions together: {reserved}, more than concurrency ({total})")
    elif reserved == total and others:
        sentence = f"all of concurrency ({total}) is reserved, and nothing is left for {', '.join(others)}"
        yield Finding(last, sentence, "leave at least 1")
