"""What one environment is made of, put together."""

from __future__ import annotations

import time

from poller.execution.contract import FunctionSpec, Invocation
from poller.execution.environment.companions import Companions
from poller.execution.environment.init import Init
from poller.execution.environment.processes import Processes
from poller.execution.environment.site import Site
from poller.execution.listener.metadata import MetadataApi, zone_of
from poller.execution.logs import Capture
from poller.execution.runtime_api import RuntimeApi


def log_stream(spec: FunctionSpec, name: str) -> str:
    """Of the environment of that name, as the service builds them."""
    return f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{spec.version}]{name}"


class Parts:
    """Of one environment."""

    def __init__(self, spec: FunctionSpec, site: Site, api: RuntimeApi, capture: Capture) -> None:
        self.spec = spec
        self.site = site
        self.api = api
        self.capture = capture
        self.companions = Companions(spec, site.dial, api.give_up)
        metadata = MetadataApi(zone_of(spec.region))
        for each in (*self.companions.apis, metadata):
            api.serve(each)
        self.companions.telemetry.subscribed = capture.subscribed
        self.processes = Processes(spec, site, api, capture, self.companions, token=metadata.token)
        self.init = Init(spec, self.processes, api, capture, self.companions)

    def log_start(self, invocation: Invocation) -> None:
        """START, when the runtime is there, or known not to be."""
        self.capture.begin(
            invocation.request_id,
            self.spec.version,
            tail=invocation.tail,
            trace=invocation.trace_id,
            tenant_id=invocation.tenant_id,
        )

    async def close(self) -> None:
        """End all processes, and whatever served them."""
        await self.processes.shut_down()
        await self.site.close()
        await self.companions.close()
        await self.api.close()
        self.capture.close()
        self.site.premises.close()
