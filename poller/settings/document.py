"""One configuration file -> its tree: YAML, TOML or JSON by its ending, in UTF-8, and of bearable size."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from poller.settings import json_text, toml_text, yaml_text
from poller.settings.nodes import Lines, Node, Place, Table, measure, texts
from poller.settings.problems import Report

FORMATS: Mapping[str, Callable[[Path, str, Report], Node | None]] = {
    ".yaml": yaml_text.parse,
    ".yml": yaml_text.parse,
    ".json": json_text.parse,
    ".toml": toml_text.parse,
}
_MOST_VALUES = 1_000_000  # a thousand mappings take some 30,000; this is where aliases of aliases of aliases end
_DEEPEST = 50
_SURROGATE = re.compile("[\ud800-\udfff]")


def tree(file: Path, report: Report) -> Table | None:
    """Return the file's tree, or None when there is none to go on with: then ``report`` says why."""
    text = _text(file, report)
    if text is None:
        return None
    found = None
    try:
        found = FORMATS[file.suffix](file, text, report)
        values, depth = measure(found) if found else (0, 0)
    except RecursionError:
        values, depth = 0, _DEEPEST + 1
    if depth > _DEEPEST:
        report.add((), f"nested more than {_DEEPEST} levels deep", place=Place(file))
    elif values > _MOST_VALUES:
        report.add((), f"more than {_MOST_VALUES} values, counting what aliases repeat", place=Place(file))
    elif isinstance(found, Table):
        _refuse_odd_characters(found, report)
        return found
    elif found is not None:
        report.add((), "the top of a configuration is a mapping of keys", place=found.place)
    return None


def endings() -> str:
    """Those of configuration files, for people."""
    return ", ".join(FORMATS)


def _refuse_odd_characters(found: Table, report: Report) -> None:
    for keys, text in texts(found):
        if "\0" in text or _SURROGATE.search(text):
            report.add(keys, "a text holds neither U+0000 nor half a surrogate pair")


def _text(file: Path, report: Report) -> str | None:
    """Return the file's text without a byte order mark, or None when it cannot be had."""
    if file.suffix not in FORMATS:
        report.add((), f"the kind of file is told by its ending, one of {endings()}", place=Place(file))
        return None
    try:
        content = file.read_bytes()
    except OSError as error:
        report.add((), f"cannot be read: {error.strerror}", place=Place(file))
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig")
        place = Lines(file, before).place(len(before))
        report.add((), f"not UTF-8: byte 0x{content[error.start]:02x}", "save the file as UTF-8", place=place)
        return None
