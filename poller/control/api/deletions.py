"""DeleteFunction: a function with all its versions and aliases, or one version of it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from typing import Any

from poller.control import versions
from poller.control.api.catalogue import Catalogue
from poller.control.api.contract import ApiError, Call, Handler
from poller.control.api.event_invoke_configs import OF_VERSIONS, without_version
from poller.control.api.names import Named, named
from poller.control.api.refusals import invalid
from poller.settings.references import LATEST, is_number


class Deletions:
    """catalogue: of the functions."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def handlers(self) -> Mapping[str, Handler]:
        """By operation."""
        return {"DeleteFunction": self._delete}

    async def _delete(self, call: Call) -> Mapping[str, Any]:
        of = named(call.params["FunctionName"], self._catalogue.account, call.params.get("Qualifier"))
        self._catalogue.refuse_missing(of.name, of.qualifier)
        if of.qualifier == LATEST:
            raise invalid("$LATEST version cannot be deleted without deleting the function.")
        if of.qualifier and not is_number(of.qualifier):
            raise invalid("Deletion of aliases is not currently supported.")
        async with self._catalogue.changing(of.name):
            await (self._delete_version(of) if of.qualifier else self._delete_function(of.name))
        return {}

    async def _delete_function(self, name: str) -> None:
        async with self._catalogue.desired.change() as change:
            change.remove("functions", name)

    async def _delete_version(self, of: Named) -> None:
        async with self._catalogue.desired.change() as change:
            aliases = self._catalogue.aliases(of.name).items()
            if pointing := [name for name, alias in aliases if of.qualifier in {alias.version, *alias.weights}]:
                sentence = "Unable to delete version because the following aliases reference it:"
                raise ApiError("ResourceConflictException", f"{sentence} [{', '.join(pointing)}]")
            if users := self._catalogue.users(of.name, of.qualifier):
                raise _used(f"The version {of.qualifier} of {of.name}", users)
            if self._catalogue.usable(of.name).provisioned_versions.get(of.qualifier):
                sentence = f"The version {of.qualifier} of {of.name} has provisioned concurrency; delete that first"
                raise ApiError("ResourceConflictException", sentence)
            settings = self._catalogue.settings
            if (made := change.made("functions", of.name)) and of.qualifier in made.document.get(OF_VERSIONS, {}):
                change.put(without_version(made, of.qualifier))  # what only that version had goes with it
                after = dataclasses.replace(settings.functions[of.name], event_invoke_versions={})
                settings = dataclasses.replace(settings, functions={**settings.functions, of.name: after})
            await asyncio.to_thread(versions.delete, of.name, int(of.qualifier), settings)
            change.republished.add(of.name)


def _used(what: str, users: list[str]) -> ApiError:
    sentence = f"{what} is used by the event source mappings {', '.join(users)}; delete them first"
    return ApiError("ResourceConflictException", sentence)
