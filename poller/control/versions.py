"""Publishing, and what is published. The command line and whatever else publishes come through here.

A version is a snapshot of ``$LATEST``: copies of code and layers under the digests of their content (of an image: its digest), and its
settings as they are now (Lambda DG, Lambda function versions). The copies are on the disk before a row names them, so a version that
is seen is whole.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from poller.control import store
from poller.control.code import loaded
from poller.control.state import FrozenError, Published, Version, freeze, thaw
from poller.execution.package import SHELF
from poller.execution.package.snapshot import fingerprint, snapshot
from poller.settings.containers import fixed_digest
from poller.settings.image import image_reference
from poller.settings.model import FunctionSettings, ImageCode, Settings
from poller.settings.package import PackageError
from poller.settings.references import loaded_reference


@dataclass(frozen=True, slots=True)
class Publication:
    """What publishing led to. new: False when nothing had changed since that version, which then stands for it."""

    version: Version
    new: bool


class InUseError(Exception):
    """A version cannot be deleted. The message is a sentence that says who needs it."""


OWN = frozenset({"CodeSha256", "CodeSize", "RevisionId"})
"""Of what is shown of a version: what says nothing that its settings do not."""


def publish(
    name: str, settings: Settings, description: str = "", shown: Mapping[str, Any] | None = None
) -> Publication:
    """Freeze a function as it stands in the configuration. Neither code nor settings changed: the newest version, as on AWS.

    The description alone makes no new version. shown: what AWS keeps of it and nothing here acts on, by AWS's names; a change of it
    makes a new version, too. Raises PackageError, also for a function that runs elsewhere, and StoreError.
    """
    shown = shown or {}
    _refuse_elsewhere(name, settings.functions[name])
    state = Path(settings.state)
    with store.opened(state) as open_store:
        frozen = freeze(
            settings.functions[name],
            package=lambda code: snapshot(Path(code), state).root.name,
            image=lambda reference: _pinned(name, settings.functions[name], reference, state),
        )
        as_settings = thaw(frozen, code_of(settings))

        def unchanged(newest: Version) -> bool:
            if _of_aws(newest.shown) != _of_aws(shown):
                return False
            return thaw(newest.configuration, code_of(settings)) == as_settings

        return Publication(*open_store.publish(name, frozen, description, unchanged, shown))


def published(settings: Settings, only: Collection[str] | None = None) -> Published:
    """The versions of the functions of a configuration, or of some of them. Raises StoreError."""
    found = store.published(Path(settings.state), only).versions
    return Published(tuple(version for version in found if version.function in settings.functions))


def readable(settings: Settings, only: Collection[str] | None = None) -> Iterator[tuple[Version, FunctionSettings]]:
    """The versions that this pollerd can read, with their settings; whether they can run is another question."""
    for version in published(settings, only).versions:
        with contextlib.suppress(FrozenError):
            yield version, frozen_settings(version, settings)


def delete(name: str, number: int, settings: Settings) -> bool:
    """Forget a version, unless the configuration needs it; whether there was one. Raises InUseError and StoreError."""
    if users := list(_users(f"{name}:{number}", settings)):
        raise InUseError(f"version {number} of {name} is used by {', '.join(users)}")
    with store.opened(Path(settings.state)) as open_store:
        return open_store.delete(name, number)


def _of_aws(shown: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if name not in OWN}


def digest(name: str, settings: Settings) -> str:
    """Digest of a function's code as it is now, as ``Version.code`` has it. Raises PackageError."""
    function, state = settings.functions[name], Path(settings.state)
    _refuse_elsewhere(name, function)
    if isinstance(function.code, ImageCode):
        if function.driver == "container":
            return _fixed(name, function.code.image)
        return loaded(function.code.image, state).digest.rpartition(":")[2]
    return fingerprint(Path(function.code)).digest


def _refuse_elsewhere(name: str, function: FunctionSettings) -> None:
    if function.remote is not None:
        raise PackageError(
            f"{name} has no code here, and no versions: it runs at {function.remote.endpoint_url or 'AWS'}"
        )


def frozen_settings(version: Version, settings: Settings) -> FunctionSettings:
    """Settings to run a version with; what is not versioned is as the function has it now. Raises FrozenError."""
    now = settings.functions[version.function]
    live = {field.name: getattr(now, field.name) for field in fields(now) if field.metadata.get("unversioned")}
    return replace(thaw(version.configuration, code_of(settings)), **live)


def code_of(settings: Settings) -> Path:
    """The folder that copies of packages and layers lie in, by digest."""
    return Path(settings.state) / SHELF


def _fixed(name: str, reference: str) -> str:
    """Digest of an image that an engine runs: the name has to hold it, or the same version could become another one."""
    if digest := fixed_digest(reference):
        return digest
    raise PackageError(
        f"{reference} may be another image tomorrow, and a version of {name} never is",
        "name the image by its digest: name@sha256:...",
    )


def _pinned(name: str, function: FunctionSettings, reference: str, state: Path) -> str:
    """The image by its digest: it can be gone some day, as from a registry, but never be another one."""
    if function.driver == "container":
        _fixed(name, reference)
        return reference
    path, _ = image_reference(reference)
    return f"{path}@{loaded(reference, state).digest}"


def _users(target: str, settings: Settings) -> Iterator[str]:
    for function, of_it in settings.functions.items():
        for alias, to in of_it.aliases.items():
            if target in {f"{function}:{number}" for number in (to.version, *to.weights)}:
                yield f"the alias {function}:{alias}"
        if target in {f"{function}:{number}" for number in of_it.provisioned_versions}:
            yield f"provisioned_versions of {function}"
        if target in {f"{function}:{number}" for number in of_it.event_invoke_versions}:
            yield f"event_invoke_versions of {function}"
    for name, mapping in settings.event_source_mappings.items():
        if loaded_reference(mapping.function).target == target:
            yield f"the mapping {name}"
