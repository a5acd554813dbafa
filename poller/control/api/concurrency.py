"""Concurrency of functions: reserved, provisioned; and what the account has.

Provisioned concurrency of versions and aliases is not there yet: only that of a function from a file is, which is its $LATEST's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from poller.control.api.catalogue import Catalogue
from poller.control.api.contract import ApiError, Call, Handler
from poller.control.api.names import Named, missing, named, unqualified
from poller.control.api.refusals import invalid, told
from poller.settings.package import MOST_UNPACKED_BYTES
from poller.settings.references import LATEST, is_number

LEAST_UNRESERVED = 100
"""Of AWS's account limit of 1000; of a smaller total here a tenth, and at least 1 (settings/check.py asks for that)."""
MOST_STORED_BYTES = 80_530_636_800
MOST_ZIPPED_BYTES = 52_428_800
UNPUBLISHED = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."


class Concurrency:
    """catalogue: of the functions."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def handlers(self) -> Mapping[str, Handler]:
        """By operation."""
        return {
            "DeleteFunctionConcurrency": self._delete,
            "GetAccountSettings": self._account,
            "GetFunctionConcurrency": self._get,
            "PutFunctionConcurrency": self._put,
            "DeleteProvisionedConcurrencyConfig": self._no_provisioned,
            "GetProvisionedConcurrencyConfig": self._no_provisioned,
            "ListProvisionedConcurrencyConfigs": self._list_provisioned,
            "PutProvisionedConcurrencyConfig": self._put_provisioned,
        }

    async def _put(self, call: Call) -> Mapping[str, Any]:
        wanted = call.params["ReservedConcurrentExecutions"]
        await self._reserve(self._function(call), wanted)
        return {"ReservedConcurrentExecutions": wanted}

    async def _get(self, call: Call) -> Mapping[str, Any]:
        return {"ReservedConcurrentExecutions": self._catalogue.usable(self._function(call)).reserved_concurrency}

    async def _delete(self, call: Call) -> Mapping[str, Any]:
        await self._reserve(self._function(call), None)
        return {}

    async def _reserve(self, name: str, wanted: int | None) -> None:
        with told():
            async with self._catalogue.desired.change() as change:
                self._catalogue.desired.refuse_filed("functions", name)
                made = change.made("functions", name)
                if made is None:
                    raise missing(self._catalogue.account.function(name, LATEST))
                document = {key: value for key, value in made.document.items() if key != "reserved_concurrency"}
                if wanted is not None:
                    self._check_room(name, wanted)
                    document["reserved_concurrency"] = wanted
                change.put(dataclasses.replace(made, document=document))

    def _check_room(self, name: str, wanted: int) -> None:
        """Raises ApiError when too little would be left for the functions without a reservation."""
        settings = self._catalogue.settings
        least = min(LEAST_UNRESERVED, max(1, settings.concurrency // 10))
        if settings.concurrency - self._reserved(but=name) - wanted < least:
            raise invalid(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
                f"below its minimum value of [{least}]."
            )

    def _reserved(self, but: str = "") -> int:
        functions = self._catalogue.settings.functions.items()
        return sum(function.reserved_concurrency or 0 for name, function in functions if name != but)

    async def _account(self, _: Call) -> Mapping[str, Any]:
        total = self._catalogue.settings.concurrency
        every = [await self._catalogue.latest(name) for name in self._catalogue.names]
        return {
            "AccountLimit": {
                "TotalCodeSize": MOST_STORED_BYTES,
                "CodeSizeUnzipped": MOST_UNPACKED_BYTES,
                "CodeSizeZipped": MOST_ZIPPED_BYTES,
                "ConcurrentExecutions": total,
                "UnreservedConcurrentExecutions": total - self._reserved(),
            },
            "AccountUsage": {"TotalCodeSize": sum(each.code_size for each in every), "FunctionCount": len(every)},
        }

    async def _put_provisioned(self, call: Call) -> Mapping[str, Any]:
        of = await self._qualified(call)
        raise invalid(
            f"Provisioned concurrency of {of.name}:{of.qualifier} is not supported here yet; "
            "provisioned_concurrency of a function in a configuration file is"
        )

    async def _no_provisioned(self, call: Call) -> Mapping[str, Any]:
        await self._qualified(call)
        sentence = "No Provisioned Concurrency Config found for this function"
        raise ApiError("ProvisionedConcurrencyConfigNotFoundException", sentence)

    async def _list_provisioned(self, call: Call) -> Mapping[str, Any]:
        self._function(call)
        return {"ProvisionedConcurrencyConfigs": []}

    def _function(self, call: Call) -> str:
        name = unqualified(call.params["FunctionName"], self._catalogue.account)
        self._catalogue.refuse_missing(name, LATEST)
        return name

    async def _qualified(self, call: Call) -> Named:
        """The version or alias that a call names, which is there and published. Raises ApiError."""
        of = named(call.params["FunctionName"], self._catalogue.account, call.params.get("Qualifier"))
        self._catalogue.refuse_missing(of.name, of.qualifier)
        if of.qualifier == LATEST:
            raise invalid(UNPUBLISHED)
        if not is_number(of.qualifier) and of.qualifier not in self._catalogue.aliases(of.name):
            arn = self._catalogue.account.function(of.name, of.qualifier)
            raise ApiError("ResourceNotFoundException", f"Cannot find alias arn: {arn}")
        if (await self._catalogue.described(of)).version == LATEST:
            raise invalid(UNPUBLISHED)
        return of
