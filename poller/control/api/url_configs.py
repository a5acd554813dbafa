"""URLs of functions and aliases: Create, Get, Update, Delete, List. The address is open when a call that makes one is answered."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from poller.control.api.catalogue import Catalogue
from poller.control.api.contract import ApiError, Call, Handler
from poller.control.api.names import Named, missing, named
from poller.control.api.paging import page
from poller.control.api.refusals import invalid, told
from poller.control.made import Made
from poller.settings.model import CorsSettings, UrlSettings
from poller.settings.references import LATEST, is_number

SHOWN = "UrlTimes"
"""Qualifier, "" for the function -> when its URL was made, and when it was changed last."""
CORS = {
    "AllowCredentials": "allow_credentials",
    "AllowHeaders": "allow_headers",
    "AllowMethods": "allow_methods",
    "AllowOrigins": "allow_origins",
    "ExposeHeaders": "expose_headers",
    "MaxAge": "max_age_seconds",
}
"""Members and keys."""
Address = Callable[[str, str], Awaitable[str]]
"""Function and qualifier -> the address of its URL, which is open. Raises ApiError."""


class UrlConfigs:
    """catalogue: of the functions."""

    def __init__(self, catalogue: Catalogue, address: Address) -> None:
        self._catalogue = catalogue
        self._address = address

    def handlers(self) -> Mapping[str, Handler]:
        """By operation."""
        return {
            "CreateFunctionUrlConfig": self._create,
            "DeleteFunctionUrlConfig": self._delete,
            "GetFunctionUrlConfig": self._get,
            "ListFunctionUrlConfigs": self._list,
            "UpdateFunctionUrlConfig": self._update,
        }

    async def _create(self, call: Call) -> Mapping[str, Any]:
        of = self._named(call)
        if self._config(of) is not None:
            arn = self._catalogue.account.function(of.name, of.qualifier)
            raise ApiError(
                "ResourceConflictException",
                f"Failed to create function url config for [functionArn = {arn}]. "
                "Error message:  FunctionUrlConfig exists for this Lambda function",
            )
        await self._write(of, _keys(call.params, {}), made=True)
        return await self._told(of)

    async def _get(self, call: Call) -> Mapping[str, Any]:
        return await self._told(self._named(call))

    async def _update(self, call: Call) -> Mapping[str, Any]:
        of = self._named(call)
        await self._write(of, _keys(call.params, _plain(self._found(of))), made=False)
        return await self._told(of)

    async def _delete(self, call: Call) -> Mapping[str, Any]:
        of = self._named(call)
        self._found(of)
        await self._write(of, None, made=False)
        return {}

    async def _list(self, call: Call) -> Mapping[str, Any]:
        of = self._named(call)
        function = self._catalogue.usable(of.name)
        found = [""] * (function.url is not None)
        found += [alias for alias, each in sorted(function.aliases.items()) if each.url is not None]
        shown, marker = page(found, lambda qualifier: qualifier, call.params)
        return {
            "FunctionUrlConfigs": [await self._told(Named(of.name, qualifier)) for qualifier in shown],
            "NextMarker": marker,
        }

    def _named(self, call: Call) -> Named:
        """A function or an alias that is there. Raises ApiError."""
        catalogue = self._catalogue
        of = named(call.params["FunctionName"], catalogue.account, call.params.get("Qualifier"))
        catalogue.refuse_missing(of.name, of.qualifier)
        if of.qualifier == LATEST or is_number(of.qualifier):
            raise invalid("Function URLs are of functions and of aliases, not of versions.")
        if of.qualifier and of.qualifier not in catalogue.aliases(of.name):
            raise missing(catalogue.account.function(of.name, of.qualifier))
        return of

    def _config(self, of: Named) -> UrlSettings | None:
        function = self._catalogue.usable(of.name)
        return function.aliases[of.qualifier].url if of.qualifier else function.url

    def _found(self, of: Named) -> UrlSettings:
        found = self._config(of)
        if found is None:
            raise ApiError("ResourceNotFoundException", "The resource you requested does not exist.")
        return found

    async def _write(self, of: Named, keys: Mapping[str, Any] | None, *, made: bool) -> None:
        with told():
            async with self._catalogue.desired.change() as change:
                self._catalogue.desired.refuse_filed("functions", of.name)
                before = change.made("functions", of.name)
                if before is None:
                    raise missing(self._catalogue.account.function(of.name))
                change.put(_with(before, of, keys, made=made))

    async def _told(self, of: Named) -> dict[str, Any]:
        found = self._found(of)
        made = self._catalogue.made(of.name)
        times = (made.shown.get(SHOWN, {}) if made else {}).get(of.qualifier, {})
        with told():
            address = await self._address(of.name, of.qualifier)
        return {
            "FunctionUrl": address,
            "FunctionArn": self._catalogue.account.function(of.name, of.qualifier),
            "AuthType": found.auth_type,
            "InvokeMode": found.invoke_mode,
            "Cors": _cors(found.cors) if found.cors else None,
            "CreationTime": times.get("made"),
            "LastModifiedTime": times.get("changed"),
        }


def _keys(params: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """As a configuration file has them; what is not given stays. Cors replaces what was there, and {} takes it away."""
    keys = dict(before)
    for member, key in (("AuthType", "auth_type"), ("InvokeMode", "invoke_mode")):
        if params.get(member):
            keys[key] = params[member]
    if (cors := params.get("Cors")) is not None:
        keys.pop("cors", None)
        if cors:
            keys["cors"] = {CORS[member]: value for member, value in cors.items() if value is not None}
    return keys


def _plain(found: UrlSettings) -> dict[str, Any]:
    keys = {"auth_type": found.auth_type, "invoke_mode": found.invoke_mode}
    return keys | ({"cors": dataclasses.asdict(found.cors)} if found.cors else {})


def _cors(cors: CorsSettings) -> dict[str, Any]:
    """Members that say something."""
    values = {member: getattr(cors, key) for member, key in CORS.items()}
    return {
        member: list(value) if isinstance(value, tuple | list) else value for member, value in values.items() if value
    }


def _with(function: Made, of: Named, keys: Mapping[str, Any] | None, *, made: bool) -> Made:
    """The function with another URL; None: without any. made: there was none before."""
    document = dict(function.document)
    owner = document
    if of.qualifier:
        owner = dict(document["aliases"][of.qualifier])
        document["aliases"] = {**document["aliases"], of.qualifier: owner}
    times = dict(function.shown.get(SHOWN, {}))
    if keys is None:
        owner.pop("url", None)
        times.pop(of.qualifier, None)
    else:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        owner["url"] = dict(keys)
        times[of.qualifier] = {"made": now if made else times.get(of.qualifier, {}).get("made", now), "changed": now}
    return dataclasses.replace(function, document=document, shown={**function.shown, SHOWN: times})
