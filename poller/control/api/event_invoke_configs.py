"""How asynchronous invocations of a function, version or alias are dealt with: Put (replaces), Update (merges), Get, Delete, List.

What counts is read anew for every event, so a change holds for those that wait, too.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

from poller.control.api.catalogue import Catalogue
from poller.control.api.contract import ApiError, Call, Handler
from poller.control.api.names import Named, named
from poller.control.api.paging import page
from poller.control.api.refusals import invalid, told
from poller.control.made import Made
from poller.settings.model import EventInvokeSettings, FunctionSettings
from poller.settings.references import LATEST, is_number

KEY, OF_VERSIONS = "event_invoke_config", "event_invoke_versions"
SHOWN = "EventInvokeConfigsModified"
"""When each was changed last: qualifier -> seconds since 1970."""
OF_KINDS = {"on_success": "onSuccess=OnSuccess", "on_failure": "onFailure=OnFailure"}
SERVICES = ("sqs", "sns", "lambda", "events", "s3")


class EventInvokeConfigs:
    """catalogue: of the functions."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def handlers(self) -> Mapping[str, Handler]:
        """By operation."""
        return {
            "DeleteFunctionEventInvokeConfig": self._delete,
            "GetFunctionEventInvokeConfig": self._get,
            "ListFunctionEventInvokeConfigs": self._list,
            "PutFunctionEventInvokeConfig": self._put,
            "UpdateFunctionEventInvokeConfig": self._update,
        }

    async def _put(self, call: Call) -> Mapping[str, Any]:
        of = await self._named(call)
        await self._write(of, _keys(call.params))
        return self._told(of)

    async def _update(self, call: Call) -> Mapping[str, Any]:
        of = await self._named(call)
        before = self._found(of)
        keys = _keys(call.params)
        both = {**_plain(before), **keys}
        if "destination_config" in keys:
            both["destination_config"] = _plain(before).get("destination_config", {}) | keys["destination_config"]
        await self._write(of, both)
        return self._told(of)

    async def _get(self, call: Call) -> Mapping[str, Any]:
        return self._told(await self._named(call))

    async def _delete(self, call: Call) -> Mapping[str, Any]:
        of = await self._named(call)
        self._found(of)
        await self._write(of, None)
        return {}

    async def _list(self, call: Call) -> Mapping[str, Any]:
        of = await self._named(call)
        function = self._catalogue.usable(of.name)
        found = [LATEST] * (function.event_invoke_config is not None)
        found += sorted(function.event_invoke_versions, key=int)
        found += [alias for alias, each in sorted(function.aliases.items()) if each.event_invoke_config is not None]
        told_now, marker = page(found, lambda qualifier: qualifier, call.params)
        configs = [self._told(Named(of.name, qualifier)) for qualifier in told_now]
        return {"FunctionEventInvokeConfigs": configs, "NextMarker": marker}

    async def _named(self, call: Call) -> Named:
        """What a call is about; it is there. Raises ApiError."""
        of = named(call.params["FunctionName"], self._catalogue.account, call.params.get("Qualifier"))
        if of.name not in self._catalogue.names or not await self._is_there(of):
            raise ApiError("ResourceNotFoundException", "The function doesn't exist.")
        return of

    async def _is_there(self, of: Named) -> bool:
        if is_number(of.qualifier):
            return await self._catalogue.version(of.name, of.qualifier) is not None
        return of.is_latest or of.qualifier in self._catalogue.aliases(of.name)

    def _found(self, of: Named) -> EventInvokeSettings:
        found = _config(self._catalogue.usable(of.name), of)
        if found is None:
            arn = self._catalogue.account.function(of.name, of.qualifier or LATEST)
            raise ApiError("ResourceNotFoundException", f"The function {arn} doesn't have an EventInvokeConfig")
        return found

    async def _write(self, of: Named, keys: Mapping[str, Any] | None) -> None:
        """Raises ApiError for what makes no sense."""
        if keys is not None:
            self._check(of, keys)
        with told():
            async with self._catalogue.desired.change() as change:
                self._catalogue.desired.refuse_filed("functions", of.name)
                made = change.made("functions", of.name)
                if made is None:
                    raise ApiError("ResourceNotFoundException", "The function doesn't exist.")
                change.put(_with(made, of, keys))

    def _check(self, of: Named, keys: Mapping[str, Any]) -> None:
        """In AWS's words; the rest is for the checks of a configuration."""
        if not keys:
            raise invalid("You must specify at least one of error handling or destination setting.")
        own = self._catalogue.account.function(of.name)
        for kind, destination in keys.get("destination_config", {}).items():
            arn = destination["destination"]
            service = arn.split(":")[2] if arn.startswith("arn:") else ""
            if arn in {own, f"{own}:{of.qualifier or LATEST}"}:
                raise invalid("You can't specify the function as a destination for itself.")
            if arn.startswith("arn:") and (service not in SERVICES or (service == "s3" and kind == "on_success")):
                given = f"{OF_KINDS[kind]}(destination={arn})"
                both = f"{given}, onFailure=null" if kind == "on_success" else f"onSuccess=null, {given}"
                raise invalid(f"The provided destination config DestinationConfig({both}) is invalid.")
            if service == "lambda" and named(arn, self._catalogue.account).name not in self._catalogue.names:
                raise invalid(f"The destination ARN {arn} is invalid.")

    def _told(self, of: Named) -> dict[str, Any]:
        found = self._found(of)
        made = self._catalogue.made(of.name)
        qualifier = of.qualifier or LATEST
        destinations = found.destination_config
        given = {
            "OnSuccess": destinations.on_success.destination if destinations else "",
            "OnFailure": destinations.on_failure.destination if destinations else "",
        }
        return {
            "LastModified": (made.shown.get(SHOWN, {}) if made else {}).get(qualifier),
            "FunctionArn": self._catalogue.account.function(of.name, qualifier),
            "MaximumRetryAttempts": found.maximum_retry_attempts,
            "MaximumEventAgeInSeconds": found.maximum_event_age_seconds,
            "DestinationConfig": {kind: {"Destination": arn} if arn else {} for kind, arn in given.items()},
        }


def _config(function: FunctionSettings, of: Named) -> EventInvokeSettings | None:
    if is_number(of.qualifier):
        return function.event_invoke_versions.get(of.qualifier)
    return function.event_invoke_config if of.is_latest else function.aliases[of.qualifier].event_invoke_config


def _keys(params: Mapping[str, Any]) -> dict[str, Any]:
    """As a configuration file has them. A destination that is empty is one that is taken away."""
    keys: dict[str, Any] = {}
    if (attempts := params.get("MaximumRetryAttempts")) is not None:
        keys["maximum_retry_attempts"] = attempts
    if (age := params.get("MaximumEventAgeInSeconds")) is not None:
        keys["maximum_event_age_seconds"] = age
    config = params.get("DestinationConfig") or {}
    kinds = {"OnSuccess": "on_success", "OnFailure": "on_failure"}
    given = {kinds[kind]: each["Destination"] for kind, each in config.items() if "Destination" in (each or {})}
    if given:
        keys["destination_config"] = {kind: {"destination": arn} for kind, arn in given.items()}
    return keys


def _plain(found: EventInvokeSettings) -> dict[str, Any]:
    return {key: value for key, value in dataclasses.asdict(found).items() if value is not None}


def without_version(made: Made, number: str) -> Made:
    """A function of which a version is to go, with what that has for its events."""
    return _with(made, Named(made.name, number), None)


def _with(made: Made, of: Named, keys: Mapping[str, Any] | None) -> Made:
    """A function with other keys for its events; None: without any."""
    document = dict(made.document)
    owner, key = document, KEY
    if is_number(of.qualifier):
        owner, key = dict(document.get(OF_VERSIONS, {})), of.qualifier
        document[OF_VERSIONS] = owner
    elif not of.is_latest:
        document["aliases"] = {**document["aliases"], of.qualifier: dict(document["aliases"][of.qualifier])}
        owner = document["aliases"][of.qualifier]
    modified = dict(made.shown.get(SHOWN, {}))
    if keys is None:
        owner.pop(key, None)
        modified.pop(of.qualifier or LATEST, None)
    else:
        owner[key] = dict(keys)
        modified[of.qualifier or LATEST] = round(time.time(), 3)
    return dataclasses.replace(made, document=document, shown={**made.shown, SHOWN: modified})
