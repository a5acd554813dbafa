"""Model -> annotated example: every option with its default and its sentence. What has no default to show stands as a comment."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.aws.options import AwsOptions
from poller.settings.hints import Shape, shape
from poller.settings.model import Composition, Settings, SourceSettings
from poller.settings.options import REQUIRED, Option, options_of

_WIDTH = 110
_PLAIN_TEXT = re.compile(r"[a-zA-Z./][a-zA-Z0-9_./-]*")
_HEAD = """\
# Every option of pollerd with its default. Lines that are commented out show options without one.
# Copy what you need: a configuration names only what differs. `pollerd check` finds every mistake in one go.
# Values may hold variables: ${NAME}, ${NAME:-default}, ${NAME:?message}; $${ is ${ itself. Secrets may be referred to: file:PATH, env:NAME,
# credential:NAME (systemd).
# yaml-language-server: $schema=pollerd.schema.json
"""


def example(sources: Mapping[str, type]) -> str:
    """Return the text of a configuration that loads. sources: the Options of each source type to show; the first is the one in use."""
    text = "\n".join([_HEAD, *_block(Composition, sources), *_block(Settings, sources)])
    return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"


def _block(kind: type, sources: Mapping[str, type]) -> Iterator[str]:
    for option in options_of(kind):
        yield from _comment(option.text)
        yield from _option(option, sources)
        yield ""


def _option(option: Option, sources: Mapping[str, type]) -> Iterator[str]:
    if option.hint is SourceSettings:
        yield from _sources(sources)
        return
    match shape(option.hint):
        case Shape("table", kind) if option.default is not None:
            yield f"{option.name}:"
            yield from _indented(_block(kind, sources))
        case Shape("mapping", inner) if shape(inner).form == "table":
            block = [f"{option.name}:", f"  {option.rules['example']}:", *_indented(_indented(_block(inner, sources)))]
            yield from block if option.rules.get("shown") else _comment_out(block)
        case _:
            yield _line(option)


def _line(option: Option) -> str:
    if option.default is REQUIRED or option.rules.get("shown"):
        return f"{option.name}: {_written(option.rules.get('example', option.name))}"
    if option.default in (None, "", (), {}):
        shown = option.rules.get("example", option.default)
        return f"# {option.name}: {_written(shown)}" if shown is not None else f"# {option.name}:"
    return f"{option.name}: {_written(option.default)}"


def _sources(sources: Mapping[str, type]) -> Iterator[str]:
    for at, (name, options) in enumerate(sources.items()):
        block = ["source:", f"  type: {name}", *_indented(_source(options))]
        yield from block if at == 0 else _comment_out(block)
        yield ""


def _source(kind: type) -> Iterator[str]:
    inherited = []
    for option in options_of(kind):
        if option.owner is AwsOptions:
            inherited.append(option.name)
            continue
        yield from _comment(option.text)
        yield _line(option)
    if inherited:
        yield from _comment(f"Also {', '.join(inherited)}: as under aws, for this source alone.")


def _comment_out(lines: Sequence[str]) -> Iterator[str]:
    return (f"# {line}".rstrip() for line in (lines if lines[-1] else lines[:-1]))


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"  {line}" if line else "" for line in lines)


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value if _PLAIN_TEXT.fullmatch(value) else json.dumps(value)
    return json.dumps(value)
