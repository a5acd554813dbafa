"""Where copies of functions' logs go: what is left out is taken from ``aws:``, and whether it can be. No I/O."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from connectors.aws.options import AwsOptions
from connectors.contract import OptionsError
from poller.settings.model import Settings
from poller.settings.problems import Finding

IDENTITY = frozenset({"profile", "access_key_id", "secret_access_key", "session_token"})
"""One thing: who names any of them takes none of the others from above."""
KEYS = ("function_logs", "ship")


def ship_options(settings: Settings) -> AwsOptions | None:
    """Which server, and as whom; None where nothing is sent."""
    ship = settings.function_logs.ship
    if ship is None:
        return None
    own = {field.name: getattr(ship, field.name) for field in dataclasses.fields(AwsOptions)}
    given = {name: value for name, value in own.items() if value}
    inherited = {name: getattr(settings.aws, name) for name in own if not (name in IDENTITY and IDENTITY & set(given))}
    return AwsOptions(**(inherited | given))


def check_shipping(settings: Settings) -> Iterator[Finding]:
    """Findings about ``function_logs.ship``, whose values could be read."""
    options = ship_options(settings)
    if options is None:
        return
    try:
        from connectors.cloudwatch_logs import CloudWatchLogs  # noqa: PLC0415  # for those who send

        CloudWatchLogs(options)
    except OptionsError as error:
        yield Finding((*KEYS, error.field) if error.field else KEYS, str(error))
    except ImportError as error:
        yield Finding(KEYS, f"this needs {error.name}; install pollerd[cloudwatch-logs]")
