"""Reserved concurrency of functions: put, get, delete; and what the account has."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from poller.control.api.catalogue import Catalogue
from poller.control.api.contract import Call, Handler
from poller.control.api.limits import MOST_ZIPPED_BYTES
from poller.control.api.names import missing, unqualified
from poller.control.api.refusals import invalid, told
from poller.settings.package import MOST_UNPACKED_BYTES
from poller.settings.provisioned import provisioned
from poller.settings.references import LATEST

LEAST_UNRESERVED = 100
"""Of AWS's account limit of 1000; of a smaller total here a tenth, and at least 1 (settings/check.py asks for that)."""
MOST_STORED_BYTES = 80_530_636_800


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
        kept_ready = sum(provisioned(settings.functions[name]).values()) if name in settings.functions else 0
        if wanted < kept_ready:
            raise invalid(
                f" ReservedConcurrentExecutions  {wanted} should not be lower than function's total provisioned concurrency "
                f"[{kept_ready}]."
            )
        least = least_unreserved(settings.concurrency)
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

    def _function(self, call: Call) -> str:
        name = unqualified(call.params["FunctionName"], self._catalogue.account)
        self._catalogue.refuse_missing(name, LATEST)
        return name


def least_unreserved(total: int) -> int:
    """Invocations at once that must be left for functions without a reservation, of so many over all."""
    return min(LEAST_UNRESERVED, max(1, total // 10))
