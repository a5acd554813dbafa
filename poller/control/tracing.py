"""Settings -> what sends traces. OpenTelemetry is loaded where they are wanted only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poller.observe.events import Emit
from poller.settings.model import TracingSettings

if TYPE_CHECKING:
    from poller.observe.traces.export import Exporter


def exporter(settings: TracingSettings | None, emit: Emit) -> Exporter | None:
    """Not started; None where no traces are wanted. emit: told of spans that are lost."""
    if settings is None:
        return None
    from poller.observe.traces.export import Exporter  # noqa: PLC0415  # an extra, and 15 MB

    return Exporter(settings.endpoint, settings.headers, settings.service_name, emit)
