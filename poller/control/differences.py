"""Keys of a mapping as a record of changes may show them, and what of two settings differs. Pure.

A key is written as in a configuration file, blocks with dots: ``circuit_breaker.failures``; what is absent is left out. A secret never
shows, neither as it was nor as it is: that it changed is all that is told of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from poller.settings.model import MappingSettings
from poller.settings.model.mappings import SourceSettings
from poller.settings.secrets import Secret

HIDDEN = "(secret)"

Differences = dict[str, tuple[Any, Any]]
"""Key -> value before and after, as JSON has them; None: there was or is none."""

_DEFAULTS = {
    field.name: field.default for field in dataclasses.fields(MappingSettings) if field.default not in (None, ())
}


def shown(settings: MappingSettings) -> dict[str, Any]:
    """All keys with the values in force, as JSON has them."""
    return {key: HIDDEN if secret else _plain(value) for key, value, secret in _leaves(settings)}


def secrets_that_differ(before: MappingSettings, after: MappingSettings) -> frozenset[str]:
    """Keys whose values differ and cannot be shown."""
    was, now = ({key: value for key, value, secret in _leaves(each) if secret} for each in (before, after))
    return frozenset(key for key in was.keys() & now.keys() if was[key] != now[key])


def differences(before: Mapping[str, Any], after: Mapping[str, Any], secrets: Iterable[str] = ()) -> Differences:
    """Of two that ``shown`` returned, by key. secrets: keys that differ although they do not show it."""
    differ = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)} | set(secrets)
    return {key: (before.get(key), after.get(key)) for key in sorted(differ)}


def beyond_defaults(keys: Mapping[str, Any]) -> dict[str, Any]:
    """What somebody wrote, of what ``shown`` returned: keys that say no more than their default are left out."""
    return {key: value for key, value in keys.items() if value not in ("", [], {}) and _DEFAULTS.get(key) != value}


def _leaves(block: object, prefix: str = "") -> Iterator[tuple[str, Any, bool]]:
    """Key, value, and whether it is secret; of a block and those inside of it. Options that are no block are secret as a whole."""
    for field in dataclasses.fields(block):  # type: ignore[arg-type]  # who calls has looked
        key, value = f"{prefix}{field.name}", getattr(block, field.name)
        if isinstance(block, SourceSettings) and field.name == "options":
            if dataclasses.is_dataclass(value):
                yield from _leaves(value, prefix)
            else:
                yield key, value, True
        elif _is_secret(field, value):
            if value:
                yield key, value, True
        elif dataclasses.is_dataclass(value):
            yield from _leaves(value, f"{key}.")
        elif value is not None:
            yield key, value, False


def _is_secret(field: dataclasses.Field[Any], value: object) -> bool:
    return bool(field.metadata.get("secret")) or not field.repr or isinstance(value, Secret)


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, Secret):
        return HIDDEN
    if dataclasses.is_dataclass(value):
        return {key: HIDDEN if secret else _plain(item) for key, item, secret in _leaves(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (str, int, float)) else str(value)
