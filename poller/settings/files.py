"""Which files make up a configuration, and their trees joined to one.

A folder means all its files, and ``include`` names further ones. Sections (functions, event_source_mappings, aws ...) are joined; below
that a key stands in one file only. A file that is reached in two ways counts once.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from poller.settings import document
from poller.settings.nodes import Entry, Keys, List, Node, Place, Scalar, Table, place_of
from poller.settings.problems import Problem, Report, SettingsError
from poller.settings.substitution import Substitution

DEFAULTS = (Path("pollerd.yaml"), Path("/etc/pollerd/pollerd.yaml"))
"""Looked for in this order when no path is given."""

INCLUDE, PROFILES = "include", "profiles"
_JOINED_LEVELS = 2  # the top, and the sections under it
_PROFILE_LEVELS = 2  # further ones, under profiles


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


def folder_of(path: Path) -> Path:
    """Return the folder that paths without a file of their own are relative to; absolute."""
    return (path if path.is_dir() else path.parent).absolute()


@dataclass
class Reading:
    """One reading of a configuration's files. seen: files that were read, and folders whose files were listed, as they were named."""

    report: Report
    environment: Mapping[str, str]
    seen: list[Path] = field(default_factory=list)
    _trees: list[Table] = field(default_factory=list)
    _known: set[Path] = field(default_factory=set)
    _whole: bool = True

    def read(self, path: Path) -> Table | None:
        """Return the joined tree of a file, or of a folder's files in the order of their names, each followed by what it includes.

        None when any of them cannot be read: what the others refer to may be in it. What is wrong goes to the report.
        """
        for file in self._files(path, Place(path)):
            self._file(file, ())
        if not self._trees or not self._whole:
            return None
        joined = Table(Place(path), {})
        for tree in self._trees:
            joined = _joined(joined, tree, (), self.report)
        return joined

    def _file(self, file: Path, above: tuple[Path, ...]) -> None:
        real = file.resolve()
        if real in self._known:
            return
        self._known.add(real)
        self.seen.append(file)
        tree = document.tree(file, self.report)
        if tree is None:
            self._whole = False
            return
        self._trees.append(Table(tree.place, {key: entry for key, entry in tree.entries.items() if key != INCLUDE}))
        if INCLUDE in tree.entries:
            self._include(tree.entries[INCLUDE].node, tree, (*above, real))

    def _include(self, node: Node, tree: Table, above: tuple[Path, ...]) -> None:
        if not isinstance(node, List):
            self._fail((INCLUDE,), "expected a list of paths", "[./functions/*.yaml]", place_of(tree, (INCLUDE,)))
            return
        for at, item in enumerate(node.items):
            keys: Keys = (INCLUDE, at)
            place = place_of(tree, keys)
            expanded = Substitution(self.environment, self.report).node(item, keys, place)
            if isinstance(expanded, Scalar) and expanded.broken:
                self._whole = False
                continue
            if not isinstance(expanded, Scalar) or not isinstance(expanded.value, str) or not expanded.value:
                self._fail(keys, "expected a path", "", place)
                continue
            for file in self._named(expanded.value, keys, place):
                if file.resolve() in above:
                    self._fail(keys, f"{file} includes itself, by way of this file", "leave one of them out", place)
                else:
                    self._file(file, above)

    def _named(self, text: str, keys: Keys, place: Place) -> Iterator[Path]:
        """Files that a path or pattern names, which is relative to the file it stands in."""
        path = place.file.parent / text
        if not glob.has_magic(text):
            if _exists(path):
                yield from self._files(path, place)
            else:
                self._fail(keys, f"there is no {path}", "a pattern (*.yaml) may match nothing", place)
            return
        found = [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207  # ** and no hidden files
        base = next(parent for parent in path.parents if not glob.has_magic(str(parent)))
        self.seen += dict.fromkeys([base, *(each.parent for each in found)])
        yield from (each for each in found if each.is_file())

    def _files(self, path: Path, place: Place) -> list[Path]:
        try:
            listed = sorted(
                file for file in path.iterdir() if file.suffix in document.FORMATS and not file.name.startswith(".")
            )
        except NotADirectoryError:
            return [path]
        except OSError as error:
            self._fail((), f"cannot be read: {error.strerror}", "", Place(path))
            return []
        self.seen.append(path)
        if not listed:
            hint = f"they end in {document.endings()}"
            self._fail(
                (), "there is no configuration file in this folder", hint, Place(path) if path == place.file else place
            )
        return listed

    def _fail(self, keys: Keys, sentence: str, hint: str, place: Place) -> None:
        self._whole = False
        self.report.add(keys, sentence, hint, place=place)


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # it is there, but not for us: reading it will say why
        return True
    return True


def _joined(into: Table, other: Table, keys: Keys, report: Report) -> Table:
    """Return both in one. A key that may stand in one file only is noted when it is in two, and the first counts."""
    entries = dict(into.entries)
    for key, entry in other.entries.items():
        path = (*keys, key)
        first = entries.get(key)
        levels = _JOINED_LEVELS + (_PROFILE_LEVELS if path[0] == PROFILES else 0)
        if first is None:
            entries[key] = entry
        elif isinstance(first.node, Table) and isinstance(entry.node, Table) and len(path) < levels:
            entries[key] = Entry(first.place, _joined(first.node, entry.node, path, report))
        else:
            report.add(path, f"this key stands in two files, first at {first.place}", place=entry.place)
    return Table(into.place, entries)
