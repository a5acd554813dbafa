"""Layers: publish, read, list, delete. A function that uses a deleted version keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from poller.control.api.configuration import moment
from poller.control.api.contract import ApiError, Call, Handler
from poller.control.api.downloads import Downloads
from poller.control.api.limits import check_compatible
from poller.control.api.names import Account, named_layer
from poller.control.api.paging import page
from poller.control.api.refusals import invalid, told
from poller.control.api.sources import package
from poller.control.desired import Desired
from poller.control.layers import Layers, LayerVersion
from poller.control.packages import path_of

SHOWN = ("Description", "CompatibleArchitectures", "CompatibleRuntimes", "LicenseInfo")
_FILTERS = {"CompatibleRuntime": "CompatibleRuntimes", "CompatibleArchitecture": "CompatibleArchitectures"}


class LayersApi:
    """layers: where they are. downloads: where their packages are offered."""

    def __init__(self, desired: Desired, account: Account, layers: Layers, downloads: Downloads) -> None:
        self._desired = desired
        self._account = account
        self._layers = layers
        self._downloads = downloads

    def handlers(self) -> Mapping[str, Handler]:
        """By operation."""
        return {
            "DeleteLayerVersion": self._delete,
            "GetLayerVersion": self._get,
            "GetLayerVersionByArn": self._get_by_arn,
            "ListLayerVersions": self._list_versions,
            "ListLayers": self._list,
            "PublishLayerVersion": self._publish,
        }

    async def _publish(self, call: Call) -> Mapping[str, Any]:
        layer = named_layer(call.params["LayerName"], self._account)
        if not layer.here:
            raise ApiError("AccessDeniedException", None)
        check_compatible(call.params.get("CompatibleRuntimes") or ())
        brought = await package(call.params["Content"], self._desired.fleet.settings)
        shown = {name: call.params[name] for name in SHOWN if call.params.get(name)}
        with told():
            version = await asyncio.to_thread(self._layers.publish, layer.name, brought, shown)
        return self._whole(version, call.url)

    async def _get(self, call: Call) -> Mapping[str, Any]:
        return self._whole(await self.version(call.params["LayerName"], call.params["VersionNumber"]), call.url)

    async def _get_by_arn(self, call: Call) -> Mapping[str, Any]:
        layer = named_layer(call.params["Arn"], self._account)
        if layer.number is None:
            raise invalid(f"{call.params['Arn']} is not the ARN of a layer version.")
        return self._whole(await self.version(call.params["Arn"], layer.number), call.url)

    async def _list(self, call: Call) -> Mapping[str, Any]:
        found = [version for version in await self._all() if _fits(version, call.params)]
        newest = [next(versions) for _, versions in groupby(found, key=lambda version: version.name)]
        on_page, marker = page(newest, lambda version: version.name, call.params)
        return {
            "Layers": [
                {
                    "LayerName": version.name,
                    "LayerArn": self._account.layer(version.name),
                    "LatestMatchingVersion": self._about(version),
                }
                for version in on_page
            ],
            "NextMarker": marker,
        }

    async def _list_versions(self, call: Call) -> Mapping[str, Any]:
        layer = named_layer(call.params["LayerName"], self._account)
        versions = await self._all(layer.name) if layer.here else []
        found = [version for version in versions if _fits(version, call.params)]
        on_page, marker = page(found, lambda version: str(version.number), call.params)
        return {"LayerVersions": [self._about(version) for version in on_page], "NextMarker": marker}

    async def _delete(self, call: Call) -> Mapping[str, Any]:
        layer = named_layer(call.params["LayerName"], self._account)
        if layer.here:
            with told():
                await asyncio.to_thread(self._layers.delete, layer.name, call.params["VersionNumber"])
        return {}

    async def version(self, name: str, number: int) -> LayerVersion:
        """One version, by the name or ARN of its layer. Raises ApiError when there is none."""
        layer = named_layer(name, self._account)
        with told():
            found = await asyncio.to_thread(self._layers.get, layer.name, number) if layer.here else None
        if found is None:
            arn = self._account.layer(layer.name, number)
            raise ApiError("ResourceNotFoundException", f"Layer version {arn} does not exist.")
        return found

    async def _all(self, name: str | None = None) -> Sequence[LayerVersion]:
        with told():
            return await asyncio.to_thread(self._layers.all, name)

    def _whole(self, version: LayerVersion, url: str) -> dict[str, Any]:
        package_ = version.package
        location = self._downloads.offer(path_of(package_.digest, self._desired.fleet.settings), url)
        content = {"Location": location, "CodeSha256": package_.code_sha256, "CodeSize": package_.size}
        return {"Content": content, "LayerArn": self._account.layer(version.name), **self._about(version)}

    def _about(self, version: LayerVersion) -> dict[str, Any]:
        return {
            "LayerVersionArn": self._account.layer(version.name, version.number),
            "Version": version.number,
            "Description": "",
            "CreatedDate": moment(version.created),
            **version.shown,
        }


def _fits(version: LayerVersion, params: Mapping[str, Any]) -> bool:
    """Whether a version says that it is for the runtime and architecture that were asked for, if any were."""
    return all(
        params[wanted] in version.shown.get(told_of, ()) for wanted, told_of in _FILTERS.items() if params.get(wanted)
    )
