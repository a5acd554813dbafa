"""Which functions, versions and aliases there are, as the API tells of them: those of files and those that calls made alike."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from poller.control import store, versions
from poller.control.api.configuration import (
    ACTIVE,
    UPDATING,
    Described,
    configuration,
    failed,
    listed,
    plain,
    revision_of,
)
from poller.control.api.contract import ApiError
from poller.control.api.names import Account, Named, missing
from poller.control.api.refusals import told
from poller.control.desired import Desired
from poller.control.made import Made
from poller.control.packages import in_base64, path_of
from poller.control.state import FrozenError, Version, thaw
from poller.execution.package.known import Fingerprints
from poller.execution.runtimes.catalogue import find
from poller.execution.runtimes.contract import RuntimeUnavailable, version_arn
from poller.settings.architecture import ARCHITECTURE
from poller.settings.model import AliasSettings, FunctionSettings, ImageCode, Settings
from poller.settings.package import PackageError
from poller.settings.references import LATEST, is_number, loaded_reference


class Catalogue:
    """Reads only, but for ``changing``: it knows which functions are being changed right now."""

    def __init__(self, desired: Desired, account: Account) -> None:
        self.desired = desired
        self.account = account
        self.architecture = ARCHITECTURE
        self._changing: set[str] = set()
        self._fingerprints = Fingerprints()

    @property
    def settings(self) -> Settings:
        """What is in force."""
        return self.desired.fleet.settings

    @property
    def names(self) -> list[str]:
        """Of all functions, those that cannot be used now, too; sorted."""
        made = {name for kind, name in self.desired.made if kind == "functions"}
        return sorted(made | self.settings.functions.keys())

    def made(self, name: str) -> Made | None:
        """What a call made of a function, unless a file has it."""
        return None if self.desired.is_filed("functions", name) else self.desired.made.get(("functions", name))

    def refuse_missing(self, name: str, qualifier: str = "") -> None:
        """Raises ApiError when there is no such function. qualifier: what the sentence says behind its name."""
        if name not in self.settings.functions and self.made(name) is None:
            raise missing(self.account.function(name, qualifier))

    def usable(self, name: str) -> FunctionSettings:
        """Settings of a function in force. Raises ApiError when there is none, or it cannot be used."""
        self.refuse_missing(name)
        if name not in self.settings.functions:
            reason = self.desired.broken.get(("functions", name), "")
            raise ApiError("ResourceConflictException", f"The function {name} is in the state Failed: {reason}")
        return self.settings.functions[name]

    @contextlib.asynccontextmanager
    async def changing(self, name: str) -> AsyncIterator[None]:
        """Change a function's code or configuration. Raises ApiError while another call does, as the service does."""
        if name in self._changing:
            sentence = (
                "The operation cannot be performed at this time. "
                f"An update is in progress for resource: {self.account.function(name)}"
            )
            raise ApiError("ResourceConflictException", sentence)
        self._changing.add(name)
        try:
            with told():
                yield
        finally:
            self._changing.discard(name)

    async def described(self, of: Named) -> Described:
        """One version: $LATEST, by its number, or what an alias points to, whose ARN it has then. Raises ApiError when there is none."""
        self.refuse_missing(of.name, of.qualifier)
        arn = self.account.function(of.name, of.qualifier)
        number = of.qualifier
        if not of.is_latest and not is_number(of.qualifier):
            alias = self.aliases(of.name).get(of.qualifier)
            if alias is None:
                raise missing(arn)
            number = alias.version
        if number in {"", LATEST}:
            return dataclasses.replace(await self.latest(of.name), arn=arn)
        version = await self.version(of.name, number)
        if version is None:
            raise missing(self.account.function(of.name, number))
        return dataclasses.replace(version, arn=arn)

    async def latest(self, name: str) -> Described:
        """What is there under an existing function's name; its ARN is unqualified."""
        made = self.made(name)
        if made is None:
            return await asyncio.to_thread(self._filed, name)
        broken = self.desired.broken.get(made.key)
        state = failed(broken) if broken else UPDATING if name in self._changing else ACTIVE
        return self.of_made(made, plain(made.document) if broken else self.settings.functions[name], state)

    def of_made(self, made: Made, settings: FunctionSettings, state: Mapping[str, Any]) -> Described:
        """A function that a call made."""
        return Described(
            name=made.name,
            arn=self.account.function(made.name),
            version=LATEST,
            settings=settings,
            shown=made.shown,
            description=made.shown.get("Description", ""),
            revision=made.shown["RevisionId"],
            modified=made.shown["LastModified"],
            code_sha256=made.shown.get("CodeSha256", ""),
            code_size=made.shown.get("CodeSize", 0),
            state=state,
        )

    def _filed(self, name: str) -> Described:
        settings = self.settings.functions[name]
        sha256, size = self._identity(name)
        return Described(
            name=name,
            arn=self.account.function(name),
            version=LATEST,
            settings=settings,
            revision=revision_of(name, sha256, repr(dataclasses.asdict(settings))),
            modified=_modified(settings),
            code_sha256=sha256,
            code_size=size,
        )

    def _identity(self, name: str) -> tuple[str, int]:
        """``CodeSha256`` and ``CodeSize`` of a function from a file as it is now; "" and 0 of what has no code here that can be read."""
        function = self.settings.functions[name]
        try:
            if function.remote is not None:
                return "", 0
            if isinstance(function.code, ImageCode):
                return versions.digest(name, self.settings), 0
            found = self._fingerprints.of(Path(function.code))
        except PackageError:
            return "", 0
        return found.code_sha256, found.size

    def users(self, name: str, qualifier: str) -> list[str]:
        """Names of the event source mappings that lead to a version or alias."""
        found = {
            mapping: loaded_reference(of_it.function) for mapping, of_it in self.settings.event_source_mappings.items()
        }
        return [
            mapping
            for mapping, reference in found.items()
            if (reference.name, reference.qualifier) == (name, qualifier)
        ]

    def aliases(self, name: str) -> dict[str, AliasSettings]:
        """Of a function, by name, sorted; none of one that cannot be used."""
        settings = self.settings.functions.get(name)
        return dict(sorted(settings.aliases.items())) if settings else {}

    async def version(self, name: str, number: str) -> Described | None:
        """One published version; None when there is none, or it cannot be read any more."""
        return next((each for each in await self.versions(name) if each.version == number), None)

    async def versions(self, name: str) -> list[Described]:
        """Those that are published, oldest first; ARNs are qualified."""
        return await asyncio.to_thread(lambda: list(self._versions(name)))

    def _versions(self, name: str) -> Iterator[Described]:
        with told():
            found = store.published(Path(self.settings.state), [name]).versions
        for version in found:
            with contextlib.suppress(FrozenError):
                yield self.of_version(version)

    def of_version(self, version: Version) -> Described:
        """A published version. Raises FrozenError."""
        settings = thaw(version.configuration, versions.code_of(self.settings))
        image = isinstance(settings.code, ImageCode)
        number = str(version.number)
        return Described(
            name=version.function,
            arn=self.account.function(version.function, number),
            version=number,
            settings=settings,
            shown=version.shown,
            description=version.description,
            revision=version.shown.get("RevisionId") or revision_of(version.target, version.created),
            modified=version.created,
            code_sha256=version.code if image else in_base64(version.code),
            code_size=0 if image else version.shown.get("CodeSize") or self._size(version.code),
        )

    def _size(self, digest: str) -> int:
        """Of a package whose size nobody wrote down: it was published by the command line. 0 when it is gone."""
        path = path_of(digest, self.settings)
        try:
            return self._fingerprints.of(path if path.exists() else path.with_suffix("")).size
        except PackageError:
            return 0

    async def configuration(self, of: Described) -> dict[str, Any]:
        """As answers about one function have it."""
        runtime_version = await asyncio.to_thread(self._runtime_version, of.settings)
        return configuration(of, architecture=self.architecture, runtime_version=runtime_version)

    def listed(self, of: Described) -> dict[str, Any]:
        """As lists have it."""
        return listed(configuration(of, architecture=self.architecture))

    def _runtime_version(self, function: FunctionSettings) -> str:
        """ARN of the build that is in force for a function's runtime; "" of what brings its own or runs elsewhere, and where it is gone."""
        if isinstance(function.code, ImageCode) or function.remote is not None:
            return ""
        try:
            return version_arn(self.account.region, find(function.runtime, Path(self.settings.state)).digest)
        except RuntimeUnavailable:
            return ""

    def package(self, of: Described) -> Path | None:
        """The .zip of a version, or the folder that makes it; None of what has none: images, and what runs elsewhere."""
        code = of.settings.code
        if isinstance(code, ImageCode) or not code:
            return None
        kept = Path(f"{code}.zip")
        return kept if of.version != LATEST and kept.is_file() else Path(code)


def _modified(function: FunctionSettings) -> str:
    """When what holds the code changed last: a file or folder of this machine."""
    if not isinstance(function.code, str) or not function.code:
        return ""
    try:
        changed = Path(function.code).stat().st_mtime
    except OSError:
        return ""
    return datetime.fromtimestamp(changed, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
