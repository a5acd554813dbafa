"""A runtime with a language of its own: an interpreter, and the folder with its official client that functions see as /var/runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from poller.execution.contract import FunctionSpec
from poller.execution.runtimes.contract import GATE, Launch, Places, digest_of
from poller.execution.runtimes.installed import Build
from poller.execution.runtimes.search_path import WRAPPER, common, wrapped


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a language's start needs to know, all of it as the function's process sees it. version: the identifier's, e.g. 3.12."""

    interpreter: str
    version: str
    runtime: str
    places: Places


Start = Callable[[Seen, FunctionSpec], tuple[tuple[str, ...], Mapping[str, str]]]
"""The command, and the variables of the language."""


EARLY = ("LD_", "PYTHON")
"""Beginnings of variables that may bring code of the function into an interpreter before its client is loaded."""
HARMLESS = frozenset(
    {"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "PYTHONUTF8", "PYTHONIOENCODING"}
)
CONCURRENT = {"awslambdaric": 4, "aws-lambda-ric": 4, "aws-lambda-java-runtime-interface-client": 2}
"""Client -> the first version, as far as any is built here, that runs several invocations at once."""


class ManagedRuntime:
    """Starts a build in its language's way. waits: its start takes the number of a descriptor to wait at as a last argument."""

    def __init__(self, build: Build, language: str, version: str, start: Start, *, waits: bool = False) -> None:
        self._build = build
        self._language = language
        self._waits = waits
        self._version = version
        self._start = start

    @property
    def identifier(self) -> str:
        """AWS's name."""
        return self._build.identifier

    @property
    def root(self) -> Path | None:
        """Its root file system, if it has one."""
        return self._build.root

    @property
    def concurrent(self) -> bool:
        """Whether the client's version is one of those."""
        name, _, version = self._build.client.split(" with ")[0].partition(" ")
        least, major = CONCURRENT.get(name), version.partition(".")[0]
        return least is not None and major.isdecimal() and int(major) >= least

    @property
    def description(self) -> str:
        """Version, client, and where the interpreter is."""
        return f"{self._build.version}, {self._build.client}, {self._build.executable}"

    @property
    def digest(self) -> str:
        """As in the contract."""
        return digest_of(self.identifier, self.description)

    def launch(self, spec: FunctionSpec, places: Places, /) -> Launch:
        """As in the contract."""
        build = self._build
        prefix = build.folder / build.prefix if build.prefix else None
        runtime = places.runtime or str(build.client_folder)
        lang = (places.lang or str(prefix)) if prefix else ""
        interpreter = f"{lang}/{build.interpreter}" if lang else build.interpreter
        argv, variables = self._start(
            Seen(interpreter=interpreter, version=self._version, runtime=runtime, places=places), spec
        )
        waits = self._waits and not any(map(_is_early, spec.environment))
        return Launch(
            argv=wrapped(spec, argv),
            held=(*argv, str(GATE)) if waits else (),
            directory=places.task.inside,
            environment={**common(build.identifier, places, runtime=runtime, lang=lang), **variables},
            mounts=tuple(_mounts(build, prefix, places)),
            root=build.root,
            framed=True,
            version=f"{self._language}:{build.version.partition(' ')[0]}",  # a Debian may be named behind it
            digest=self.digest,
        )


def _is_early(name: str) -> bool:
    return name == WRAPPER or (name.startswith(EARLY) and name not in HARMLESS)


def _mounts(build: Build, prefix: Path | None, places: Places) -> Iterator[tuple[Path, str]]:
    """What a sandbox has to bring in; nothing where every path is the host's."""
    if not places.runtime:
        return
    if build.parts:
        yield from ((Path(path), f"{places.runtime}/{name}".rstrip("/")) for name, path in build.parts)
    else:
        yield build.client_folder, places.runtime
    if prefix is not None:
        yield prefix, places.lang
    yield from ((Path(path), path) for path in build.seen)
