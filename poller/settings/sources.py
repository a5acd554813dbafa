"""``source:`` blocks: ``type`` names a connector, the other keys are its Options, and the connector itself has the last word.

A connector that talks to AWS takes from the file's ``aws:`` section what its block leaves out. Profile and keys count as one there: a
source that names any of them takes none of the others from above, or half of one identity would be joined to half of another.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from connectors import registry
from connectors.aws.options import AwsOptions
from connectors.contract import OptionsError
from poller.settings.decode import BAD, Decoder
from poller.settings.model import AccountSettings, SourceSettings
from poller.settings.nodes import Keys, Node, Table
from poller.settings.problems import Report, nearest

_IDENTITY = {"profile", "access_key_id", "secret_access_key", "session_token"}


def read_source(node: Node, keys: Keys, *, decoder: Decoder, aws: AccountSettings) -> Any:
    """Return the block's SourceSettings, or BAD when the report says why not."""
    if not isinstance(node, Table):
        decoder.report.add(keys, "expected a mapping", "write {type: ..., and the options of that type}")
        return BAD
    kind, connector = _connector(node, keys, decoder)
    if connector is BAD:
        return BAD
    given = {key: entry for key, entry in node.entries.items() if key != "type"}
    inherited = _inherited(connector.Options, aws, set(given))
    options = decoder.dataclass(connector.Options, Table(node.place, given), keys, defaults=inherited)
    if options is BAD or not _accepted(connector, options, keys, inherited, decoder.report):
        return BAD
    return SourceSettings(type=kind, options=options)


def _connector(node: Table, keys: Keys, decoder: Decoder) -> tuple[str, Any]:
    """Return the source type and its connector, BAD if there is none.

    What there is besides is looked up for a complaint only: it takes a walk through all installed packages.
    """
    report, keys = decoder.report, (*keys, "type")
    if "type" not in node.entries:
        report.add(keys, "this key is required", f"known are {', '.join(registry.names())}")
        return "", BAD
    kind = decoder.value(str, node.entries["type"].node, keys, {})
    try:
        return kind, BAD if kind is BAD else registry.load(kind)
    except registry.UnknownConnectorError:
        report.add(keys, f"there is no source type {kind!r}", nearest(kind, registry.names()))
    except registry.MissingClientError as error:
        report.add(keys, str(error))
    return kind, BAD


def _accepted(connector: Any, options: Any, keys: Keys, inherited: Mapping[str, Any], report: Report) -> bool:
    """Let the connector judge its options. What it refuses is blamed on the section that it comes from."""
    if inherited and not report.sound(("aws",)):  # it would miss what could not be read
        report.explained(keys)
        return False
    try:
        connector(options)
    except OptionsError as error:
        if error.field in inherited and inherited[error.field] != _default(connector.Options, error.field):
            report.add(("aws", error.field), str(error))
            report.explained(keys)
        else:
            report.add((*keys, error.field) if error.field else keys, str(error))
        return False
    return True


def _inherited(options: type, aws: AccountSettings, given: set[str]) -> dict[str, Any]:
    """Return what the block leaves to the ``aws:`` section."""
    if not issubclass(options, AwsOptions):
        return {}
    own = given | (_IDENTITY if given & _IDENTITY else set())
    return {field.name: getattr(aws, field.name) for field in dataclasses.fields(AwsOptions) if field.name not in own}


def _default(options: type, name: str) -> Any:
    return next((field.default for field in dataclasses.fields(options) if field.name == name), None)
