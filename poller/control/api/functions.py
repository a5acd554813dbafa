"""Making and changing functions: CreateFunction, UpdateFunctionCode, UpdateFunctionConfiguration.

A change is in force, and on the disk, when its call is answered. What the answer says of states is how the change began, as the service
has it, so that whoever waits for the end finds it with his first question. While one call changes a function others see that, and may not.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from poller.control.api import documents
from poller.control.api.attached import Attached, attached
from poller.control.api.catalogue import Catalogue
from poller.control.api.configuration import CREATING, UPDATING, changed
from poller.control.api.contract import ApiError, Call, Handler
from poller.control.api.limits import check, check_architecture, check_unpacked
from poller.control.api.names import missing, named
from poller.control.api.refusals import invalid, refuse_outdated
from poller.control.api.sources import code, gives_code
from poller.control.api.versions import Versions
from poller.control.layers import Layers
from poller.control.made import Made
from poller.control.packages import unpacked_size


class Functions:
    """versions: publishes, where a call wants a version at once. layers: what ``Layers`` names."""

    def __init__(self, catalogue: Catalogue, versions: Versions, layers: Layers) -> None:
        self._catalogue = catalogue
        self._versions = versions
        self._layers = layers

    def handlers(self) -> Mapping[str, Handler]:
        """By operation."""
        return {
            "CreateFunction": self._create,
            "UpdateFunctionCode": self._update_code,
            "UpdateFunctionConfiguration": self._update_configuration,
        }

    async def _create(self, call: Call) -> Mapping[str, Any]:
        params = call.params
        name, image = self._name(params), params.get("PackageType") == "Image"
        self._check(params, image=image)
        _check_new(params, image=image)
        async with self._catalogue.changing(name):
            self._refuse_taken(name)
            brought = await code(params["Code"], self._catalogue.settings, image=image)
            layers = await self._attached(params)
            check_unpacked(brought.unpacked + layers.unpacked)
            document = layers.document({**documents.document({}, params), **brought.document})
            shown = changed(layers.shown({"Description": "", **documents.shown({}, params), **brought.shown}))
            async with self._catalogue.desired.change() as change:
                made = change.put(Made(kind="functions", name=name, document=document, shown=shown))
            if not params.get("Publish"):
                return await self._told(made, CREATING)
            latest, version = await self._versions.publish(name)
            return {**await self._told(latest or made, CREATING), "Version": version.version}

    async def _update_code(self, call: Call) -> Mapping[str, Any]:
        params = call.params
        name = self._name(params)
        async with self._catalogue.changing(name):
            made = self._own(name)
            image = isinstance(made.document.get("code"), dict)
            _refuse_other_package(params, image=image)
            check_architecture(params, self._catalogue.architecture)
            refuse_outdated(params.get("RevisionId"), made.shown["RevisionId"])
            brought = await code(params, self._catalogue.settings, image=image)
            check_unpacked(brought.unpacked + await self._unpacked(made.document.get("layers", ())))

            def after(old: Made) -> Made:
                document, shown = {**old.document, **brought.document}, {**old.shown, **brought.shown}
                return dataclasses.replace(old, document=document, shown=shown)

            if params.get("DryRun"):
                return await self._told(after(made), UPDATING)
            made = await self._put(name, params, after)
            if params.get("Publish"):
                return await self._catalogue.configuration((await self._versions.publish(name))[1])
            return await self._told(made, UPDATING)

    async def _update_configuration(self, call: Call) -> Mapping[str, Any]:
        params = call.params
        name = self._name(params)
        async with self._catalogue.changing(name):
            made = self._own(name)
            own = made.document.get("code")
            self._check(params, image=isinstance(own, dict))
            layers = await self._attached(params) if "Layers" in params else None
            if layers and isinstance(own, str):
                check_unpacked(layers.unpacked + await self._unpacked([own]))

            def after(old: Made) -> Made:
                document, shown = documents.document(old.document, params), documents.shown(old.shown, params)
                if layers is not None:
                    document, shown = layers.document(document), layers.shown(shown)
                return dataclasses.replace(old, document=document, shown=shown)

            return await self._told(await self._put(name, params, after), UPDATING)

    def _name(self, params: Mapping[str, Any]) -> str:
        """Of the function that a call changes; none of its versions or aliases can be."""
        found = named(params["FunctionName"], self._catalogue.account)
        if not found.is_latest:
            raise missing(self._catalogue.account.function(found.name, found.qualifier))
        return found.name

    def _check(self, params: Mapping[str, Any], *, image: bool) -> None:
        retired = self._catalogue.settings.allow_deprecated_runtimes
        check(params, image=image, retired=retired, architecture=self._catalogue.architecture)

    def _refuse_taken(self, name: str) -> None:
        if name in self._catalogue.names:
            raise ApiError("ResourceConflictException", f"Function already exist: {name}")

    def _own(self, name: str) -> Made:
        """A function that a call made. Raises ApiError when there is none; FiledError when a file has it."""
        self._catalogue.refuse_missing(name)
        self._catalogue.desired.refuse_filed("functions", name)
        made = self._catalogue.made(name)
        if made is None:
            raise missing(self._catalogue.account.function(name))
        return made

    async def _put(self, name: str, params: Mapping[str, Any], after: Callable[[Made], Made]) -> Made:
        """Change a function, unless it is gone, or another one than the caller has seen."""
        async with self._catalogue.desired.change() as change:
            old = self._own(name)
            refuse_outdated(params.get("RevisionId"), old.shown["RevisionId"])
            new = after(old)
            return change.put(dataclasses.replace(new, shown=changed(new.shown)))

    async def _attached(self, params: Mapping[str, Any]) -> Attached:
        return await asyncio.to_thread(attached, params.get("Layers") or (), self._layers, self._catalogue.account)

    async def _unpacked(self, references: list[str]) -> int:
        """Bytes of the files of packages that documents name."""
        digests = [Path(reference).stem for reference in references]
        return await asyncio.to_thread(
            lambda: sum(unpacked_size(digest, self._catalogue.settings) for digest in digests)
        )

    async def _told(self, made: Made, state: Mapping[str, Any]) -> dict[str, Any]:
        settings = self._catalogue.settings.functions[made.name]
        return await self._catalogue.configuration(self._catalogue.of_made(made, settings, state))


def _check_new(params: Mapping[str, Any], *, image: bool) -> None:
    if not image and not (params.get("Runtime") and params.get("Handler")):
        raise invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
    if image != bool(params["Code"].get("ImageUri")) or not gives_code(params["Code"]):
        raise invalid("Please provide a source for function code.")


def _refuse_other_package(params: Mapping[str, Any], *, image: bool) -> None:
    if image and not params.get("ImageUri"):
        raise invalid("Please provide ImageUri when updating a function with packageType Image.")
    if not image and params.get("ImageUri"):
        raise invalid("Please don't provide ImageUri when updating a function with packageType Zip.")
    if not gives_code(params):
        raise invalid("Please provide a source for function code.")
