"""A configuration with templates -> one without, that means the same: as a document, its paths relative to where it will stand.

Taken from the trees, not from Settings, so that variables and references to secrets stay what they are. Settings say which texts are
paths, and what a value was taken for where the file leaves that open.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poller.settings.files import folder_of, locate
from poller.settings.load import trees
from poller.settings.model import Settings, SourceSettings
from poller.settings.nodes import Entry, List, Node, Scalar, Table
from poller.settings.problems import Report
from poller.settings.secrets import Secret
from poller.settings.substitution import expanded
from poller.settings.templates.documents import FUNCTION_SECTION, MAPPING_SECTION
from poller.settings.templates.notices import Notice
from poller.settings.templates.parameters import GIVEN
from poller.settings.templates.read import LISTED
from poller.settings.templates.trees import laid_over
from poller.settings.yaml_written import written

_FILE = "file:"
"""What stands before the path in a secret's reference and in a destination."""


def imported(
    path: Path | None, settings: Settings, folder: Path, profile: str | None, parameters: Mapping[str, str]
) -> dict[str, Any] | None:
    """Return the document of a configuration that can be used; None: there is no template in it.

    settings: what it comes to. folder: of the file to write. profile, parameters: as it was read with.
    """
    found = locate(path)
    given = trees(found, Report(), profile, parameters)
    if not given.templates or given.written is None or given.sections is None:
        return None
    whole = _Writing(folder.absolute()).value(laid_over(_literal(given.sections), given.written), settings)
    if "state" not in whole and folder_of(found).resolve() != folder.resolve():
        whole = {"state": _Writing(folder.absolute()).path(settings.state)} | whole
    last = {key: whole.pop(key) for key in (FUNCTION_SECTION, MAPPING_SECTION) if key in whole}
    return {key: value for key, value in whole.items() if key not in {LISTED, GIVEN}} | last


def text_of(document: Mapping[str, Any], origin: str, notices: Sequence[Notice]) -> str:
    """Return the file: what is not served as comments, then the document. origin: what it was made of."""
    comments = [f"What {origin} says, by `pollerd import`.", *(unserved(notice) for notice in notices)]
    return "".join(f"# {_line(comment)}\n" for comment in comments) + "\n" + written(document)


def unserved(notice: Notice) -> str:
    """One line about what a template asks for and nobody does."""
    return _line(f"not served: {notice.what}: {notice.sentence}")


def _line(text: str) -> str:
    """Names in a template may hold anything, line breaks too, and what follows one is no comment."""
    return "".join(character if character.isprintable() else " " for character in text)


def _literal(node: Node) -> Any:
    """A template's tree, in which ``${`` is no variable of ours."""
    if isinstance(node, Table):
        return Table(node.place, {key: Entry(entry.place, _literal(entry.node)) for key, entry in node.entries.items()})
    if isinstance(node, List):
        return List(node.place, [_literal(item) for item in node.items])
    return dataclasses.replace(node, value=_escaped(node.value)) if isinstance(node.value, str) else node


def _escaped(text: str) -> str:
    return text.replace("${", "$${")


@dataclass(frozen=True, slots=True)
class _Writing:
    """folder: of the file to write; absolute."""

    folder: Path

    def value(self, node: Node, meant: Any) -> Any:
        """Return a node as plain values. meant: its part of Settings, None where that has no such part."""
        if isinstance(node, Table):
            return {key: self.value(entry.node, _part(meant, key)) for key, entry in node.entries.items()}
        if isinstance(node, List):
            return [self.value(item, _part(meant, at)) for at, item in enumerate(node.items)]
        return self._scalar(node, meant)

    def path(self, path: str) -> str:
        """Return a path relative to the folder; as it is where a link on the way would make another one of it."""
        relative = os.path.relpath(path, self.folder)
        if os.path.realpath(self.folder / relative) != os.path.realpath(path):
            return path
        return relative if relative.startswith("..") else f"./{relative}"

    def _scalar(self, node: Scalar, meant: Any) -> Any:
        if not isinstance(node.value, str):
            return node.text if isinstance(meant, str) and node.text is not None else node.value
        base = node.place.file.absolute().parent
        if isinstance(meant, Secret):
            if meant.reference.startswith(_FILE):
                return _escaped(_FILE + self.path(str(base / meant.reference.removeprefix(_FILE))))
            return node.value
        plain = expanded(node.value, os.environ)
        for prefix in ("", _FILE):
            if plain.startswith(prefix) and plain != meant == prefix + str(base / plain.removeprefix(prefix)):
                return _escaped(prefix + self.path(str(meant).removeprefix(prefix)))
        return node.value


def _part(meant: Any, key: str | int) -> Any:
    if isinstance(meant, SourceSettings):
        return _part(meant.options, key) if key != "type" else meant.type
    if isinstance(meant, Mapping):
        return meant.get(key)
    if isinstance(key, int):
        listed = isinstance(meant, Sequence) and not isinstance(meant, str) and key < len(meant)
        return meant[key] if listed else None
    return meant if isinstance(meant, Secret) else getattr(meant, key, None)
