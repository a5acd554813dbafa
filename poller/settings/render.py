"""Model -> the documents in config/: annotated example, JSON Schema, option table. A test holds them against the files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from connectors import registry
from connectors.aws.options import AwsOptions
from poller.settings.example import example
from poller.settings.hints import Shape, shape
from poller.settings.model import (
    AccountSettings,
    AliasSettings,
    AsynchronousSettings,
    Composition,
    ContainerSettings,
    CorsSettings,
    DeadLetterSettings,
    DestinationSettings,
    EventInvokeSettings,
    FunctionLogsSettings,
    FunctionSettings,
    FunctionUrlsSettings,
    HttpSettings,
    ImageCode,
    ImageConfig,
    InvocationDestinationSettings,
    InvocationDestinationsSettings,
    KeySettings,
    LoggingSettings,
    LogSettings,
    MappingSettings,
    OnFailureSettings,
    RemoteSettings,
    Settings,
    ShipSettings,
    TlsSettings,
    UrlSettings,
)
from poller.settings.options import REQUIRED, Option, options_of
from poller.settings.schema import schema

_BEGIN, _END = "<!-- options: rendered -->\n", "<!-- options: end -->\n"
_FIRST = "sqs"  # the source that the example uses
_SECTIONS = (
    ("Of files, at the top", Composition),
    ("Top level", Settings),
    ("`http`", HttpSettings),
    ("`keys` of `http`, each", KeySettings),
    ("`tls` of `http`", TlsSettings),
    ("`function_urls`", FunctionUrlsSettings),
    ("`log`", LogSettings),
    ("`function_logs`", FunctionLogsSettings),
    ("`ship` of `function_logs`", ShipSettings),
    ("`aws`", AccountSettings),
    ("`container`", ContainerSettings),
    ("`asynchronous`", AsynchronousSettings),
    ("`functions`, each", FunctionSettings),
    ("`code` of a function from an image", ImageCode),
    ("`image_config`", ImageConfig),
    ("`logging`", LoggingSettings),
    ("`aliases` of a function, each", AliasSettings),
    ("`event_invoke_config` of a function or an alias", EventInvokeSettings),
    ("`destination_config` of an `event_invoke_config`", InvocationDestinationsSettings),
    ("`on_success`, `on_failure` of an `event_invoke_config`", InvocationDestinationSettings),
    ("`dead_letter_config` of a function", DeadLetterSettings),
    ("`url` of a function or an alias", UrlSettings),
    ("`cors` of a `url`", CorsSettings),
    ("`remote` of a function", RemoteSettings),
    ("`event_source_mappings`, each", MappingSettings),
    ("`destination_config` of a mapping", DestinationSettings),
    ("`on_failure` of a mapping", OnFailureSettings),
)


def sources(names: Sequence[str] | None = None) -> dict[str, type]:
    """Return the Options of source types by name. names: None for every one that is built in or installed and has its client library."""
    found: dict[str, type] = {}
    for name in sorted(registry.names() if names is None else names, key=lambda name: (name != _FIRST, name)):
        try:
            found[name] = registry.load(name).Options
        except registry.MissingClientError:
            if names is not None:
                raise
    return found


def schema_text(sources: Mapping[str, type]) -> str:
    """Return the JSON Schema of the configuration, as a file."""
    return json.dumps(schema(sources), indent=2, ensure_ascii=False) + "\n"


def table(sources: Mapping[str, type]) -> str:
    """Return every option as Markdown tables, one per section."""
    sections = [*_SECTIONS, *((f"`source` of type `{name}`", options) for name, options in sources.items())]
    return "\n".join(line for title, kind in sections for line in _section(title, kind))


def write(folder: Path) -> list[Path]:
    """Write example and schema of the built-in sources into ``folder``, and the table into its README.md; return the files."""
    return [_written(folder / name, text) for name, text in documents(folder).items()]


def documents(folder: Path) -> dict[str, str]:
    """Return what ``write`` writes: text by file name. Raises ``ValueError`` when README.md has no room for the table."""
    known = sources(list(registry.BUILT_IN))
    head, begin, rest = (folder / "README.md").read_text().partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{folder / 'README.md'} lacks the marks between which the options belong: {_BEGIN}{_END}")
    return {
        "pollerd.yaml": example(known),
        "pollerd.schema.json": schema_text(known),
        "README.md": f"{head}{_BEGIN}\n{table(known)}\n{_END}{tail}",
    }


def _written(file: Path, text: str) -> Path:
    file.write_text(text)
    return file


def _section(title: str, kind: type) -> Iterator[str]:
    options = [option for option in options_of(kind) if option.owner is not AwsOptions or kind is AccountSettings]
    yield from (f"### {title}", "")
    if options:
        yield from ("| key | value | default | meaning |", "|---|---|---|---|")
        yield from (_row(option) for option in options)
        yield ""
    if issubclass(kind, AwsOptions) and kind is not AccountSettings:
        yield from ("Also every key of `aws` but `account_id`, for this alone.", "")


def _row(option: Option) -> str:
    cells = (f"`{option.name}`", _kind(option.hint, option.rules), _default(option), option.text)
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _default(option: Option) -> str:
    if option.default is REQUIRED:
        return "required"
    if "unless" in option.rules:
        return f"required without `{option.rules['unless']}`"
    if isinstance(option.default, bool):
        return "`true`" if option.default else "`false`"
    return f"`{option.default}`" if isinstance(option.default, str | int | float) and option.default != "" else ""


def _kind(hint: Any, rules: Mapping[str, Any]) -> str:
    """Say what a value looks like, in words."""
    match shape(hint):
        case Shape("scalar", _) if "choices" in rules:
            return _choices(rules["choices"])
        case Shape("scalar", kind):
            return {str: "text", bool: "true or false", int: "whole number", float: "number"}[kind] + _bounds(rules)
        case Shape("choice", choices):
            return _choices(choices)
        case Shape("list", inner):
            return f"list of {_kind(inner, rules)}"
        case Shape("either", forms):
            return " or ".join(_kind(form, rules) for form in forms)
        case Shape(form, _):
            return "anything" if form == "any" else "mapping"


def _choices(choices: Sequence[Any]) -> str:
    return ", ".join(f"`{choice}`" for choice in choices)


def _bounds(rules: Mapping[str, Any]) -> str:
    low, high = rules.get("minimum"), rules.get("maximum")
    if low is None:
        return "" if high is None else f", {high} or less"
    return f", {low} or more" if high is None else f", {low} to {high}"
