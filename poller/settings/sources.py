"""``source:`` blocks: ``type`` names a connector, the other keys are its Options, and the connector itself has the last word.

A connector that talks to AWS takes from the file's ``aws:`` section what its block leaves out. Profile and keys count as one there: a
source that names any of them takes none of the others from above, or half of one identity would be joined to half of another.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from connectors import registry
from connectors.aws import AwsOptions
from connectors.contract import OptionsError
from poller.settings.decode import BAD, Decoder
from poller.settings.model import AccountSettings, SourceSettings
from poller.settings.nodes import Keys, Node, Table
from poller.settings.problems import Report, nearest

_IDENTITY = {"profile", "access_key_id", "secret_access_key", "session_token"}


def read_source(node: Node, keys: Keys, *, decoder: Decoder, aws: AccountSettings) -> Any:
    """Return the block's SourceSettings, or BAD when the report says why not."""
    report = decoder.report
    if not isinstance(node, Table):
        report.add(keys, "expected a mapping", "write {type: ..., and the options of that type}")
        return BAD
    if "type" not in node.entries:
        report.add((*keys, "type"), "this key is required", f"known are {', '.join(registry.names())}")
        return BAD
    kind = decoder.value(str, node.entries["type"].node, (*keys, "type"), {})
    connector = BAD if kind is BAD else _connector(kind, keys, report)
    if connector is BAD:
        return BAD
    given = {key: entry for key, entry in node.entries.items() if key != "type"}
    inherited = _inherited(connector.Options, aws, set(given))
    options = decoder.dataclass(connector.Options, Table(node.place, given), keys, defaults=inherited)
    if options is BAD:
        return BAD
    try:
        connector(options)
    except OptionsError as error:
        if error.field in inherited and inherited[error.field] != _default(connector.Options, error.field):
            report.add(("aws", error.field), str(error))
            report.explained(keys)
        else:
            report.add((*keys, error.field) if error.field else keys, str(error))
        return BAD
    return SourceSettings(type=kind, options=options)


def _connector(kind: str, keys: Keys, report: Report) -> Any:
    try:
        return registry.load(kind)
    except registry.UnknownConnectorError:
        report.add((*keys, "type"), f"there is no source type {kind!r}", nearest(kind, registry.names()))
    except registry.MissingClientError as error:
        report.add((*keys, "type"), str(error))
    return BAD


def _inherited(options: type, aws: AccountSettings, given: set[str]) -> dict[str, Any]:
    """Return what the block leaves to the ``aws:`` section."""
    if not issubclass(options, AwsOptions):
        return {}
    own = given | (_IDENTITY if given & _IDENTITY else set())
    return {field.name: getattr(aws, field.name) for field in dataclasses.fields(AwsOptions) if field.name not in own}


def _default(options: type, name: str) -> Any:
    return next((field.default for field in dataclasses.fields(options) if field.name == name), None)
