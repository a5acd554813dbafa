"""All of the API's resources put together: the one table of handlers, and the routes beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from poller.control.api.aliases import Aliases
from poller.control.api.catalogue import Catalogue
from poller.control.api.concurrency import Concurrency
from poller.control.api.contract import Handler
from poller.control.api.deletions import Deletions
from poller.control.api.downloads import Downloads
from poller.control.api.event_invoke_configs import EventInvokeConfigs
from poller.control.api.functions import Functions
from poller.control.api.invoke import Accepts, Beginning, Invoke
from poller.control.api.layer_permissions import LayerPermissions
from poller.control.api.layers import LayersApi
from poller.control.api.mappings import Mappings
from poller.control.api.names import Account
from poller.control.api.policies import Policies
from poller.control.api.provisioned import Provisioned
from poller.control.api.reads import Reads
from poller.control.api.single_settings import SingleSettings
from poller.control.api.tags import Tags
from poller.control.api.url_configs import Address, UrlConfigs
from poller.control.api.versions import Versions
from poller.control.desired import Desired
from poller.control.layers import Layers
from poller.observe.events import Emit


class Resources:
    """address: of functions' URLs."""

    def __init__(
        self,
        desired: Desired,
        backlog: Accepts,
        address: Address,
        *,
        emit: Emit,
        beginning: Beginning,
    ) -> None:
        settings = desired.fleet.settings
        self.account = Account.of(settings.aws)
        self.catalogue = Catalogue(desired, self.account)
        self._downloads = Downloads()
        layers = Layers(Path(settings.state))
        versions = Versions(self.catalogue)
        of_layers = LayersApi(desired, self.account, layers, self._downloads)
        self.invoke = Invoke(desired, backlog, self.account, emit, beginning)
        self._resources = (
            self.invoke,
            Functions(self.catalogue, versions, layers),
            Reads(self.catalogue, versions, self._downloads),
            Deletions(self.catalogue),
            versions,
            Aliases(self.catalogue),
            of_layers,
            LayerPermissions(of_layers, layers, self.account),
            Concurrency(self.catalogue),
            Provisioned(self.catalogue),
            Tags(self.catalogue),
            Mappings(desired),
            EventInvokeConfigs(self.catalogue),
            Policies(self.catalogue),
            SingleSettings(self.catalogue),
            UrlConfigs(self.catalogue, address),
        )

    def handlers(self) -> Mapping[str, Handler]:
        """By operation."""
        return {name: handler for resource in self._resources for name, handler in resource.handlers().items()}

    def routes(self) -> list[web.RouteDef]:
        """For the port: where packages are fetched."""
        return self._downloads.routes()
