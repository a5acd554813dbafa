"""Versions of functions: PublishVersion, ListVersionsByFunction. A file's function can be published, too; its file stays as it is."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections.abc import Mapping
from typing import Any

from poller.control import versions
from poller.control.api.catalogue import Catalogue
from poller.control.api.configuration import Described, renewed, versioned
from poller.control.api.contract import Call, Handler
from poller.control.api.names import Named, unqualified
from poller.control.api.paging import page
from poller.control.api.refusals import invalid, refuse_outdated
from poller.control.made import Made
from poller.settings.references import LATEST


class Versions:
    """catalogue: of the functions."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def handlers(self) -> Mapping[str, Handler]:
        """By operation."""
        return {"ListVersionsByFunction": self._list, "PublishVersion": self._publish}

    async def publish(self, name: str, params: Mapping[str, Any] | None = None) -> tuple[Made | None, Described]:
        """Publish $LATEST; what a call made of it, which has a new revision if there is a new version, and the version.

        The caller holds ``Catalogue.changing``. params: of PublishVersion. Raises ApiError, PackageError, StoreError.
        """
        given = params or {}
        async with self._catalogue.desired.change() as change:
            self._catalogue.usable(name)
            latest = await self._catalogue.latest(name)
            refuse_outdated(given.get("RevisionId"), latest.revision)
            if (sha256 := given.get("CodeSha256")) and sha256 != latest.code_sha256:
                raise invalid(
                    f"CodeSHA256 ({sha256}) is different from current CodeSHA256 in $LATEST ({latest.code_sha256}). "
                    "Please try again with the CodeSHA256 in $LATEST."
                )
            shown = versioned(latest.shown) | {"CodeSize": latest.code_size, "RevisionId": str(uuid.uuid4())}
            description = given.get("Description", latest.description)
            settings = self._catalogue.settings
            publication = await asyncio.to_thread(versions.publish, name, settings, description, shown)
            made = self._catalogue.made(name)
            if publication.new:
                change.republished.add(name)
                made = change.put(dataclasses.replace(made, shown=renewed(made.shown))) if made else None
        return made, self._catalogue.of_version(publication.version)

    async def all_of(self, name: str) -> list[Described]:
        """$LATEST and what is published, oldest first; every ARN is qualified."""
        latest = await self._catalogue.described(Named(name, LATEST))
        return [latest, *await self._catalogue.versions(name)]

    async def _publish(self, call: Call) -> Mapping[str, Any]:
        if call.params.get("PublishTo"):
            raise invalid("PublishTo is not supported here.")
        name = unqualified(call.params["FunctionName"], self._catalogue.account)
        self._catalogue.refuse_missing(name)
        async with self._catalogue.changing(name):
            _, version = await self.publish(name, call.params)
        return await self._catalogue.configuration(version)

    async def _list(self, call: Call) -> Mapping[str, Any]:
        name = unqualified(call.params["FunctionName"], self._catalogue.account)
        self._catalogue.refuse_missing(name)
        found, marker = page(await self.all_of(name), lambda each: each.version, call.params)
        return {"Versions": [self._catalogue.listed(each) for each in found], "NextMarker": marker}
