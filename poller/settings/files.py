"""Which files make up a configuration, and their trees joined to one.

A folder means all its files. Sections (functions, event_source_mappings, aws ...) are joined; below that a key stands in one file only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from poller.settings import json_text, toml_text, yaml_text
from poller.settings.nodes import Entry, Keys, Lines, Node, Place, Table, measure, texts
from poller.settings.problems import Problem, Report, SettingsError

DEFAULTS = (Path("pollerd.yaml"), Path("/etc/pollerd/pollerd.yaml"))
"""Looked for in this order when no path is given."""

_FORMATS: Mapping[str, Callable[[Path, str, Report], Node | None]] = {
    ".yaml": yaml_text.parse,
    ".yml": yaml_text.parse,
    ".json": json_text.parse,
    ".toml": toml_text.parse,
}
_MOST_VALUES = 1_000_000  # a thousand mappings take some 30,000; this is where aliases of aliases of aliases end
_DEEPEST = 50
_SURROGATE = re.compile("[\ud800-\udfff]")
_JOINED_LEVELS = 2  # the top, and the sections under it


def locate(path: Path | None) -> Path:
    """Return the file or folder to read: ``path`` as it is, else the first of ``DEFAULTS`` that exists.

    Raises ``SettingsError`` when none of them does.
    """
    for candidate in DEFAULTS if path is None else [path]:
        if path is not None or _exists(candidate):
            return candidate
    first, *others = DEFAULTS
    missing = f"there is no such file here, and no {', '.join(map(str, others))}"
    raise SettingsError([Problem(first, 0, 0, "", missing, "`pollerd init` writes one")])


def found(path: Path) -> list[Path]:
    """The files that a configuration is read from, as things are; [] where nothing can be read."""
    return _files(path, Report())


def folder_of(path: Path) -> Path:
    """Return the folder that paths without a file of their own are relative to; absolute."""
    return (path if path.is_dir() else path.parent).absolute()


def read(path: Path, report: Report) -> Table | None:
    """Return the joined tree of a file, or of a folder's files in the order of their names.

    None when any of them cannot be read: what the others refer to may be in it. What is wrong goes to ``report``.
    """
    trees = [_tree(file, report) for file in _files(path, report)]
    if not trees or None in trees:
        return None
    joined = Table(Place(path), {})
    for tree in trees:
        joined = _joined(joined, tree, (), report) if tree else joined
    return joined


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # it is there, but not for us: reading it will say why
        return True
    return True


def _files(path: Path, report: Report) -> list[Path]:
    try:
        files = sorted(file for file in path.iterdir() if file.suffix in _FORMATS and not file.name.startswith("."))
    except NotADirectoryError:
        return [path]
    except OSError as error:
        report.add((), f"cannot be read: {error.strerror}", place=Place(path))
        return []
    if not files:
        report.add((), "there is no configuration file in this folder", f"they end in {_endings()}", place=Place(path))
    return files


def _tree(file: Path, report: Report) -> Table | None:
    """Return the file's tree, or None when there is none to go on with: then ``report`` says why."""
    text = _text(file, report)
    if text is None:
        return None
    tree = None
    try:
        tree = _FORMATS[file.suffix](file, text, report)
        values, depth = measure(tree) if tree else (0, 0)
    except RecursionError:
        values, depth = 0, _DEEPEST + 1
    if depth > _DEEPEST:
        report.add((), f"nested more than {_DEEPEST} levels deep", place=Place(file))
    elif values > _MOST_VALUES:
        report.add((), f"more than {_MOST_VALUES} values, counting what aliases repeat", place=Place(file))
    elif isinstance(tree, Table):
        _refuse_odd_characters(tree, report)
        return tree
    elif tree is not None:
        report.add((), "the top of a configuration is a mapping of keys", place=tree.place)
    return None


def _refuse_odd_characters(tree: Table, report: Report) -> None:
    for keys, text in texts(tree):
        if "\0" in text or _SURROGATE.search(text):
            report.add(keys, "a text holds neither U+0000 nor half a surrogate pair")


def _text(file: Path, report: Report) -> str | None:
    """Return the file's text without a byte order mark, or None when it cannot be had."""
    if file.suffix not in _FORMATS:
        report.add((), f"the kind of file is told by its ending, one of {_endings()}", place=Place(file))
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


def _joined(into: Table, other: Table, keys: Keys, report: Report) -> Table:
    """Return both in one. A key that may stand in one file only is noted when it is in two, and the first counts."""
    entries = dict(into.entries)
    for key, entry in other.entries.items():
        path = (*keys, key)
        first = entries.get(key)
        if first is None:
            entries[key] = entry
        elif isinstance(first.node, Table) and isinstance(entry.node, Table) and len(path) < _JOINED_LEVELS:
            entries[key] = Entry(first.place, _joined(first.node, entry.node, path, report))
        else:
            report.add(path, f"this key stands in two files, first at {first.place}", place=entry.place)
    return Table(into.place, entries)


def _endings() -> str:
    return ", ".join(_FORMATS)
