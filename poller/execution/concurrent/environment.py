"""An environment that runs several invocations at once: as any other, with its own Runtime API, log and course of invocations."""

from __future__ import annotations

from poller.execution.concurrent.api import ConcurrentRuntimeApi
from poller.execution.concurrent.invocations import Concurrent
from poller.execution.concurrent.log import ConcurrentCapture
from poller.execution.contract import FunctionSpec
from poller.execution.environment.environment import ProcessEnvironment, Started, Watch
from poller.execution.environment.parts import Parts, log_stream
from poller.execution.environment.premises import Premises
from poller.execution.environment.site import Site
from poller.observe.events import Emit


def concurrent(
    spec: FunctionSpec, premises: Premises, emit: Emit, watch: Watch, started: Started
) -> ProcessEnvironment:
    """A new one, not yet started; at most ``spec.max_concurrency`` invocations at once."""
    site = Site(premises)
    api = ConcurrentRuntimeApi(site.admits)
    capture = ConcurrentCapture(spec.name, log_stream(spec, premises.name), emit, spec.logging)
    parts = Parts(spec, site, api, capture)
    return ProcessEnvironment(parts, Concurrent(parts, api), emit, watch, started)
