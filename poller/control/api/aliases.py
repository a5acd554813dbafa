"""Aliases: CreateAlias, GetAlias, UpdateAlias, DeleteAlias, ListAliases. Those of a file's function are told, and changed there."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Mapping
from typing import Any

from poller.control.api.catalogue import Catalogue
from poller.control.api.configuration import revision_of
from poller.control.api.contract import ApiError, Call, Handler
from poller.control.api.names import missing, unqualified
from poller.control.api.paging import page
from poller.control.api.refusals import invalid, refuse_outdated, told
from poller.control.desired import Change
from poller.control.made import Made
from poller.settings.model import AliasSettings
from poller.settings.references import LATEST


class Aliases:
    """catalogue: of the functions."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._account = catalogue.account

    def handlers(self) -> Mapping[str, Handler]:
        """By operation."""
        return {
            "CreateAlias": self._create,
            "DeleteAlias": self._delete,
            "GetAlias": self._get,
            "ListAliases": self._list,
            "UpdateAlias": self._update,
        }

    async def _create(self, call: Call) -> Mapping[str, Any]:
        function, name = self._named(call)
        with told():
            async with self._catalogue.desired.change() as change:
                made = self._own(change, function)
                if name in self._catalogue.aliases(function):
                    arn = self._account.function(function, name)
                    raise ApiError("ResourceConflictException", f"Alias already exists: {arn}")
                await self._put(change, made, name, call.params)
        return self._told(function, name)

    async def _get(self, call: Call) -> Mapping[str, Any]:
        function, name = self._named(call)
        if name not in self._catalogue.aliases(function):
            sentence = f"Cannot find alias arn: {self._account.function(function, name)}"
            raise ApiError("ResourceNotFoundException", sentence)
        return self._told(function, name)

    async def _update(self, call: Call) -> Mapping[str, Any]:
        function, name = self._named(call)
        with told():
            async with self._catalogue.desired.change() as change:
                if name not in self._catalogue.aliases(function):
                    sentence = f"Alias not found: {self._account.function(function, name)}"
                    raise ApiError("ResourceNotFoundException", sentence)
                made = self._own(change, function)
                before = self._told(function, name)
                refuse_outdated(call.params.get("RevisionId"), before["RevisionId"])
                await self._put(change, made, name, {**before, **call.params})
        return self._told(function, name)

    async def _delete(self, call: Call) -> Mapping[str, Any]:
        function, name = self._named(call)
        with told():
            async with self._catalogue.desired.change() as change:
                if name not in self._catalogue.aliases(function):
                    return {}
                made = self._own(change, function)
                if users := self._catalogue.users(function, name):
                    sentence = f"The alias {function}:{name} is used by the event source mappings"
                    raise ApiError("ResourceConflictException", f"{sentence} {', '.join(users)}; delete them first")
                document = {**made.document, "aliases": _without(made.document.get("aliases", {}), name)}
                shown = {**made.shown, "Aliases": _without(made.shown.get("Aliases", {}), name)}
                change.put(dataclasses.replace(made, document=document, shown=shown))
        return {}

    async def _list(self, call: Call) -> Mapping[str, Any]:
        function = unqualified(call.params["FunctionName"], self._account)
        self._catalogue.refuse_missing(function)
        version = call.params.get("FunctionVersion")
        names = [
            name
            for name, alias in self._catalogue.aliases(function).items()
            if version is None or version in {alias.version, *alias.weights}
        ]
        found, marker = page(names, str, call.params)
        return {"Aliases": [self._told(function, name) for name in found], "NextMarker": marker}

    async def _put(self, change: Change, made: Made, name: str, wanted: Mapping[str, Any]) -> None:
        """Let an alias lead where AliasConfiguration says; what else it has stays."""
        aliases = made.document.get("aliases", {})
        alias = {key: value for key, value in aliases.get(name, {}).items() if key != "weights"}
        alias |= {"version": wanted["FunctionVersion"], **_weights(wanted.get("RoutingConfig"))}
        await self._check(made.name, alias)
        document = {**made.document, "aliases": {**aliases, name: alias}}
        about = {"Description": wanted.get("Description", ""), "RevisionId": str(uuid.uuid4())}
        shown = {**made.shown, "Aliases": {**made.shown.get("Aliases", {}), name: about}}
        change.put(dataclasses.replace(made, document=document, shown=shown))

    async def _check(self, function: str, alias: Mapping[str, Any]) -> None:
        """Raises ApiError, in the service's words (recorded in November 2025), for what no alias can be."""
        version, weights = alias["version"], alias.get("weights", {})
        if len(weights) > 1:
            raise invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
        if weights and version == LATEST:
            raise invalid("$LATEST is not supported for an alias pointing to more than 1 version")
        if version in weights:
            already = f"Function version {version} is already included in routing configuration."
            raise invalid(f"Invalid function version {version}. {already}")
        for number in (version, *weights):
            if number != LATEST and await self._catalogue.version(function, number) is None:
                raise missing(self._account.function(function, number))

    def _named(self, call: Call) -> tuple[str, str]:
        """Name of the function, which is there, and of the alias."""
        function = unqualified(call.params["FunctionName"], self._account)
        self._catalogue.refuse_missing(function)
        return function, call.params["Name"]

    def _own(self, change: Change, function: str) -> Made:
        self._catalogue.desired.refuse_filed("functions", function)
        made = change.made("functions", function)
        if made is None:
            raise missing(self._account.function(function))
        return made

    def _told(self, function: str, name: str) -> dict[str, Any]:
        alias = self._catalogue.aliases(function)[name]
        made = self._catalogue.made(function)
        about = made.shown.get("Aliases", {}).get(name, {}) if made else {}
        told_of = {
            "AliasArn": self._account.function(function, name),
            "Name": name,
            "FunctionVersion": alias.version,
            "Description": about.get("Description", ""),
            "RevisionId": about.get("RevisionId") or _revision(function, name, alias),
        }
        if alias.weights:
            told_of["RoutingConfig"] = {"AdditionalVersionWeights": dict(alias.weights)}
        return told_of


def _weights(routing: Mapping[str, Any] | None) -> dict[str, Any]:
    weights = (routing or {}).get("AdditionalVersionWeights") or {}
    return {"weights": dict(weights)} if weights else {}


def _without(entries: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in entries.items() if key != name}


def _revision(function: str, name: str, alias: AliasSettings) -> str:
    return revision_of(function, name, alias.version, repr(sorted(alias.weights.items())))
