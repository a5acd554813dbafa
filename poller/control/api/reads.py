"""Reading functions: GetFunction, GetFunctionConfiguration, ListFunctions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from poller.control.api.catalogue import Catalogue
from poller.control.api.configuration import Described
from poller.control.api.contract import Call, Handler
from poller.control.api.downloads import Downloads
from poller.control.api.names import Named, named
from poller.control.api.paging import page
from poller.control.api.versions import Versions
from poller.settings.model import ImageCode


class Reads:
    """versions: of the functions. downloads: where packages are offered."""

    def __init__(self, catalogue: Catalogue, versions: Versions, downloads: Downloads) -> None:
        self._catalogue = catalogue
        self._versions = versions
        self._downloads = downloads

    def handlers(self) -> Mapping[str, Handler]:
        """By operation."""
        return {
            "GetFunction": self._get,
            "GetFunctionConfiguration": self._get_configuration,
            "ListFunctions": self._list,
        }

    async def _get(self, call: Call) -> Mapping[str, Any]:
        of = self._named(call)
        found = await self._catalogue.described(of)
        made = self._catalogue.made(of.name)
        settings = self._catalogue.settings.functions.get(of.name)
        reserved = settings.reserved_concurrency if settings else None
        return {
            "Configuration": await self._catalogue.configuration(found),
            "Code": self._code(found, call.url),
            "Tags": (made.shown.get("Tags") if made else None) or None,
            "Concurrency": None if reserved is None else {"ReservedConcurrentExecutions": reserved},
        }

    async def _get_configuration(self, call: Call) -> Mapping[str, Any]:
        return await self._catalogue.configuration(await self._catalogue.described(self._named(call)))

    async def _list(self, call: Call) -> Mapping[str, Any]:
        names = [name for name in self._catalogue.names if call.caller.may_use(name)]
        if call.params.get("FunctionVersion") == "ALL":
            every = [each for name in names for each in await self._versions.all_of(name)]
            found, marker = page(every, lambda each: each.arn, call.params)
        else:
            on_page, marker = page(names, str, call.params)
            found = [await self._catalogue.latest(name) for name in on_page]
        return {"Functions": [self._catalogue.listed(each) for each in found], "NextMarker": marker}

    def _named(self, call: Call) -> Named:
        return named(call.params["FunctionName"], self._catalogue.account, call.params.get("Qualifier"))

    def _code(self, of: Described, url: str) -> dict[str, Any]:
        if isinstance(of.settings.code, ImageCode):
            uri = of.settings.code.image
            resolved = f"{uri.partition('@')[0]}@sha256:{of.code_sha256}" if of.code_sha256 else None
            return {"RepositoryType": "ECR", "ImageUri": uri, "ResolvedImageUri": resolved}
        package = self._catalogue.package(of)
        return {"RepositoryType": "S3", "Location": self._downloads.offer(package, url)} if package else {}
