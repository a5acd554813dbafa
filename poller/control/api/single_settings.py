"""Settings that are one value each: recursion, runtime management, code signing of functions.

Signatures of packages are not verified here, so no code signing config can be made; functions have none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from poller.control.api.catalogue import Catalogue
from poller.control.api.contract import Call, Handler
from poller.control.api.names import missing, named, unqualified
from poller.control.api.refusals import invalid, told


class SingleSettings:
    """catalogue: of the functions."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def handlers(self) -> Mapping[str, Handler]:
        """By operation."""
        return {
            "GetFunctionCodeSigningConfig": self._get_code_signing,
            "GetFunctionRecursionConfig": self._get_recursion,
            "GetRuntimeManagementConfig": self._get_runtime_management,
            "ListCodeSigningConfigs": self._list_code_signing,
            "PutFunctionRecursionConfig": self._put_recursion,
            "PutRuntimeManagementConfig": self._put_runtime_management,
        }

    async def _get_recursion(self, call: Call) -> Mapping[str, Any]:
        return {"RecursiveLoop": self._catalogue.usable(self._function(call)).recursive_loop}

    async def _put_recursion(self, call: Call) -> Mapping[str, Any]:
        name, wanted = self._function(call), call.params["RecursiveLoop"]
        with told():
            async with self._catalogue.desired.change() as change:
                self._catalogue.desired.refuse_filed("functions", name)
                made = change.made("functions", name)
                if made is None:
                    raise missing(self._catalogue.account.function(name))
                change.put(dataclasses.replace(made, document={**made.document, "recursive_loop": wanted}))
        return {"RecursiveLoop": wanted}

    async def _get_runtime_management(self, call: Call) -> Mapping[str, Any]:
        of = named(call.params["FunctionName"], self._catalogue.account, call.params.get("Qualifier"))
        return {"UpdateRuntimeOn": "Auto", "FunctionArn": (await self._catalogue.described(of)).arn}

    async def _put_runtime_management(self, call: Call) -> Mapping[str, Any]:
        if call.params["UpdateRuntimeOn"] != "Auto":
            raise invalid(
                "A runtime here is what this host has installed, at every start: UpdateRuntimeOn can be Auto only"
            )
        return await self._get_runtime_management(call)

    async def _get_code_signing(self, call: Call) -> Mapping[str, Any]:
        return {"FunctionName": self._function(call)}

    async def _list_code_signing(self, _: Call) -> Mapping[str, Any]:
        return {"CodeSigningConfigs": []}

    def _function(self, call: Call) -> str:
        name = unqualified(call.params["FunctionName"], self._catalogue.account)
        self._catalogue.refuse_missing(name)
        return name
