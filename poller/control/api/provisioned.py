"""Provisioned concurrency of versions and aliases: put, get, list, delete. How far it has got its pools of environments know."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from poller.control.api.catalogue import Catalogue
from poller.control.api.concurrency import least_unreserved
from poller.control.api.configuration import moment
from poller.control.api.contract import ApiError, Call, Handler
from poller.control.api.names import Named, missing, named, unqualified
from poller.control.api.paging import page
from poller.control.api.refusals import invalid, told
from poller.control.made import Made
from poller.execution.pool.provision import Allocation
from poller.settings.model import FunctionSettings
from poller.settings.provisioned import BY_BOTH, OF_LATEST, PAST_RESERVED, provisioned
from poller.settings.references import LATEST, is_number

POINTED = "Version is pointed by a Provisioned Concurrency alias"
"""The service's own sentence (recorded)."""


class Provisioned:
    """catalogue: of the functions."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def handlers(self) -> Mapping[str, Handler]:
        """By operation."""
        return {
            "DeleteProvisionedConcurrencyConfig": self._delete,
            "GetProvisionedConcurrencyConfig": self._get,
            "ListProvisionedConcurrencyConfigs": self._list,
            "PutProvisionedConcurrencyConfig": self._put,
        }

    async def _put(self, call: Call) -> Mapping[str, Any]:
        of = await self._qualified(call)
        wanted = call.params["ProvisionedConcurrentExecutions"]
        with told():
            async with self._catalogue.desired.change() as change:
                self._catalogue.desired.refuse_filed("functions", of.name)
                made = change.made("functions", of.name)
                if made is None:
                    raise missing(self._catalogue.account.function(of.name, of.qualifier))
                function = self._catalogue.usable(of.name)
                self._refuse_both(of, function)
                self._check_room(of, function, wanted)
                change.put(with_provisioned(made, of.qualifier, wanted))
        return self._told(of)

    async def _get(self, call: Call) -> Mapping[str, Any]:
        of = await self._qualified(call)
        if of.qualifier not in self._configured(of.name):
            sentence = "No Provisioned Concurrency Config found for this function"
            raise ApiError("ProvisionedConcurrencyConfigNotFoundException", sentence)
        return self._told(of)

    async def _delete(self, call: Call) -> Mapping[str, Any]:
        of = await self._qualified(call)
        with told():
            async with self._catalogue.desired.change() as change:
                self._catalogue.desired.refuse_filed("functions", of.name)
                if made := change.made("functions", of.name):
                    change.put(with_provisioned(made, of.qualifier, None))
        return {}

    async def _list(self, call: Call) -> Mapping[str, Any]:
        name = unqualified(call.params["FunctionName"], self._catalogue.account)
        self._catalogue.refuse_missing(name)
        found, marker = page(sorted(self._configured(name)), str, call.params)
        configs = [
            {"FunctionArn": self._catalogue.account.function(name, qualifier), **self._told(Named(name, qualifier))}
            for qualifier in found
        ]
        return {"ProvisionedConcurrencyConfigs": configs, "NextMarker": marker}

    def _configured(self, name: str) -> dict[str, int]:
        """By version number or alias."""
        function = self._catalogue.usable(name)
        aliases = {alias: to.provisioned_concurrency for alias, to in function.aliases.items()}
        return {**function.provisioned_versions, **{alias: wanted for alias, wanted in aliases.items() if wanted}}

    def _told(self, of: Named) -> dict[str, Any]:
        made = self._catalogue.made(of.name)
        at = made.shown.get("Provisioned", {}).get(of.qualifier, "") if made else ""
        requested = self._configured(of.name)[of.qualifier]
        found = self._allocations(of)
        statuses = [each.status for each in found]
        status = next((worst for worst in ("FAILED", "IN_PROGRESS") if worst in statuses), "READY")
        return {
            "RequestedProvisionedConcurrentExecutions": requested,
            "AllocatedProvisionedConcurrentExecutions": sum(each.allocated for each in found),
            "AvailableProvisionedConcurrentExecutions": sum(each.available for each in found),
            "Status": status,
            "StatusReason": next((each.status_reason for each in found if each.status_reason), None),
            "LastModified": moment(at),
        }

    def _allocations(self, of: Named) -> list[Allocation]:
        """Of the pools that it is about: an alias may point to two versions."""
        fleet = self._catalogue.desired.fleet
        alias = self._catalogue.aliases(of.name).get(of.qualifier)
        versions = [of.qualifier] if alias is None else [alias.version, *alias.weights]
        pools = [fleet.pools.get(f"{of.name}:{version}") for version in versions]
        found = [pool.allocation for pool in pools if pool is not None]
        return [each for each in found if each.requested]

    def _refuse_both(self, of: Named, function: FunctionSettings) -> None:
        """Raises ApiError when a version would be provisioned by itself and by an alias."""
        alias = function.aliases.get(of.qualifier)
        if alias is not None and {alias.version, *alias.weights} & function.provisioned_versions.keys():
            raise ApiError("ResourceConflictException", BY_BOTH)
        pointing = [to for to in function.aliases.values() if of.qualifier in {to.version, *to.weights}]
        if any(to.provisioned_concurrency for to in pointing):
            raise ApiError("ResourceConflictException", POINTED)

    def _check_room(self, of: Named, function: FunctionSettings, wanted: int) -> None:
        """Raises ApiError when there is not as much to be had, in the service's words (recorded)."""
        others = sum(provisioned(function).values()) - self._configured(of.name).get(of.qualifier, 0)
        if function.reserved_concurrency is not None:
            if others + wanted > function.reserved_concurrency:
                raise invalid(PAST_RESERVED)
            return
        settings = self._catalogue.settings
        free = settings.concurrency - others
        for name, each in settings.functions.items():
            if each.reserved_concurrency is not None:
                free -= each.reserved_concurrency
            elif name != of.name:
                free -= sum(provisioned(each).values())
        if wanted > free:
            raise invalid(
                f"Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [{free}]."
            )
        if free - wanted < (least := least_unreserved(settings.concurrency)):
            raise invalid(
                "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
                f"below its minimum value of [{least}]."
            )

    async def _qualified(self, call: Call) -> Named:
        """The version or alias that a call names, which is there and published. Raises ApiError."""
        of = named(call.params["FunctionName"], self._catalogue.account, call.params.get("Qualifier"))
        self._catalogue.refuse_missing(of.name, of.qualifier)
        if of.qualifier == LATEST:
            raise invalid(OF_LATEST)
        if not is_number(of.qualifier) and of.qualifier not in self._catalogue.aliases(of.name):
            arn = self._catalogue.account.function(of.name, of.qualifier)
            raise ApiError("ResourceNotFoundException", f"Cannot find alias arn: {arn}")
        if (await self._catalogue.described(of)).version == LATEST:
            raise invalid(OF_LATEST)
        return of


def with_provisioned(made: Made, qualifier: str, wanted: int | None) -> Made:
    """A function with another provisioned concurrency of a version or alias of it; None: with none."""
    document = dict(made.document)
    if is_number(qualifier):
        document["provisioned_versions"] = _with(document.get("provisioned_versions", {}), qualifier, wanted)
    else:
        alias = _with(document["aliases"][qualifier], "provisioned_concurrency", wanted)
        document["aliases"] = {**document["aliases"], qualifier: alias}
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if wanted else None
    times = _with(made.shown.get("Provisioned", {}), qualifier, now)
    return dataclasses.replace(made, document=document, shown={**made.shown, "Provisioned": times})


def _with(entries: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    """The entries with another value; None: without it."""
    kept = {key: item for key, item in entries.items() if key != name}
    return kept if value is None else {**kept, name: value}
