"""What calls made, as a configuration of its own: the file, the packages beside it, and a state folder with what no file can make.

Documents of the state file are as they could stand in a configuration file, so they are written as they are; only the paths of their
packages change. Published versions and layer versions are made by calls alone: with their numbers, which aliases and ARNs name, they go
into the state folder. Reads the state file, whether a daemon runs or not, and changes nothing in it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poller.control import made as rows
from poller.control import store
from poller.control.made import Made
from poller.control.packages import ENDING
from poller.control.stranded import leading_elsewhere
from poller.control.versions import code_of
from poller.execution.package import SHELF, resolve
from poller.settings.model import Settings
from poller.settings.package import PackageError
from poller.settings.yaml_written import write_new, written

FILE = "pollerd.yaml"
STATE = "state"
_SAID_OTHERWISE = frozenset({"CodeSha256", "CodeSize", "DeadLetterConfig", "LastModified", "Layers", "RevisionId"})
"""Of what is only shown of an object: what follows from its document, and what is another one anyway."""
_TIMES = frozenset({"EventInvokeConfigsModified", "Provisioned", "UrlTimes"})
_OF_FUNCTIONS = "SELECT * FROM {} WHERE {} IN (SELECT value FROM json_each(?))"
_TABLES = {
    "functions": _OF_FUNCTIONS.format("functions", "name"),
    "versions": _OF_FUNCTIONS.format("versions", "function"),
    "layer_names": "SELECT * FROM layer_names WHERE ? IS NOT NULL",
    "layers": "SELECT * FROM layers WHERE ? IS NOT NULL",
}
"""Tables of the state file that are taken along -> the rows of them, given the names of functions as a JSON list; layers are nobody's."""


class ExportError(Exception):
    """It cannot be written. The message is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written. left_out: sentences about what no file can say."""

    functions: int
    mappings: int
    versions: int
    layers: int
    left_out: Sequence[str]


def export(settings: Settings, folder: Path) -> Exported:
    """Write what calls made and no file has taken over. settings: of the files. folder: it must not be there, or be empty.

    Raises ExportError, StoreError, PackageError.
    """
    found = [each for each in rows.read(Path(settings.state)).values() if each.name not in getattr(settings, each.kind)]
    functions = [each for each in found if each.kind == "functions"]
    stranded = leading_elsewhere(found, {*settings.functions, *(each.name for each in functions)})
    mappings = [each for each in found if each.kind == "event_source_mappings" and each.key not in stranded]
    try:
        _make(folder)
        code = code_of(settings)
        document = {
            "state": f"./{STATE}",
            "concurrency": settings.concurrency,
            "aws": _differing(settings.aws),
            "functions": {each.name: _with_packages(each, code, folder) for each in functions},
            "event_source_mappings": {each.name: dict(each.document) for each in mappings},
        }
        write_new(folder / FILE, written({key: value for key, value in document.items() if value != {}}))
        taken = _take_along(Path(settings.state), [each.name for each in functions], folder / STATE)
        for digest in sorted(taken.digests):
            _copied(digest, code, folder / STATE / SHELF)
            resolve(folder / STATE / SHELF / (digest + ENDING), folder / STATE)
    except OSError as error:
        raise ExportError(f"{folder} cannot be written: {error}") from error
    left_out = [f"mapping {name}: {why}" for (_, name), why in stranded.items()]
    left_out += [sentence for each in (*functions, *mappings) for sentence in _left_out(each)]
    return Exported(
        functions=len(functions),
        mappings=len(mappings),
        versions=taken.counts["versions"],
        layers=taken.counts["layers"],
        left_out=left_out,
    )


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(folder.iterdir()):
        raise ExportError(f"{folder} is not empty; name a folder that is not there yet")


def _differing(account: Any) -> dict[str, Any]:
    """Keys of a section that are not as they are by default."""
    values = {each.name: (getattr(account, each.name), each.default) for each in dataclasses.fields(account)}
    return {name: value for name, (value, default) in values.items() if value != default}


def _with_packages(made: Made, code: Path, folder: Path) -> dict[str, Any]:
    """The document, with its packages beside the file."""
    document = dict(made.document)
    if isinstance(own := document.get("code"), str):
        document["code"] = f"./code/{made.name}{ENDING}"
        _copied(Path(own).stem, code, folder / "code", made.name)
    if layers := document.get("layers"):
        document["layers"] = [f"./layers/{layer}" for layer in layers]
        for layer in layers:
            _copied(Path(layer).stem, code, folder / "layers")
    return document


def _copied(digest: str, code: Path, into: Path, name: str = "") -> None:
    """A package by its digest, which is looked at once more: what it is called here is what it must be."""
    source, target = code / (digest + ENDING), into / ((name or digest) + ENDING)
    if target.exists():
        return
    into.mkdir(parents=True, exist_ok=True)
    if not source.is_file():
        raise ExportError(f"the package {source} is gone")
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != digest:
            raise PackageError(f"{source} is damaged: its content has another digest than its name")


@dataclass(frozen=True, slots=True)
class _Taken:
    """counts: rows by table. digests: of the packages that they name."""

    counts: Mapping[str, int]
    digests: set[str]


def _take_along(state: Path, functions: Sequence[str], target: Path) -> _Taken:
    """Versions and layers, into a state file of their own where there are any."""
    if not store.exists(state):
        return _Taken(dict.fromkeys(_TABLES, 0), set())
    with store.explained(state), contextlib.closing(store.connect(state)) as connection:
        given = [json.dumps(list(functions))]
        connection.execute("BEGIN")
        found = {table: connection.execute(rows_of, given).fetchall() for table, rows_of in _TABLES.items()}
        connection.execute("COMMIT")
    if any(found.values()):
        with store.explained(target), contextlib.closing(store.connect(target)) as connection:
            for table, of_it in found.items():
                for row in of_it:
                    marks = ", ".join("?" * len(row))
                    connection.execute(f"INSERT INTO {table} VALUES ({marks})", row)  # noqa: S608  # our own names
    digests = {digest for row in found["versions"] for digest in _digests(json.loads(row[2]))}
    digests |= {str(row[2]) for row in found["layers"]}
    return _Taken({table: len(of_it) for table, of_it in found.items()}, digests)


def _digests(configuration: Mapping[str, Any]) -> Iterator[str]:
    """Of the packages of a published version; an image is where it was."""
    if isinstance(code := configuration.get("code"), str):
        yield code
    yield from configuration.get("layers", ())


def _left_out(made: Made) -> Iterator[str]:
    """What calls have said of an object and no key says."""
    own = {name for name, value in made.shown.items() if value} - _SAID_OTHERWISE - _TIMES - {"Aliases"}
    if made.kind == "event_source_mappings":
        yield f"mapping {made.name}: its UUID, which is another one for a mapping of a file"
    if own:
        what = "function" if made.kind == "functions" else "mapping"
        yield f"{what} {made.name}: {', '.join(sorted(own))}"
    for alias, about in made.shown.get("Aliases", {}).items():
        if about.get("Description"):
            yield f"alias {made.name}:{alias}: Description"
    if made.document.get("layers"):
        yield f"function {made.name}: Layers, by their ARNs; the file has their packages"
    if isinstance(made.document.get("code"), dict):
        yield f"function {made.name}: its image, which stays where it is"
