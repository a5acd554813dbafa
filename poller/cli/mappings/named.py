"""The configuration that a command is about, and the mapping in it that an argument names."""

from __future__ import annotations

import argparse
import sys

from poller.cli.configuration import UNUSABLE, asked_of
from poller.control.desired import whole
from poller.control.store import StoreError
from poller.settings.model import MappingSettings, Settings
from poller.settings.problems import nearest


def configuration(given: argparse.Namespace) -> Settings:
    """The configuration as it stands, and what calls made; whether this host can run its functions is no matter here.

    Else the program ends with 78.
    """
    settings = asked_of(given)
    try:
        return whole(settings, str(given.config))
    except StoreError as error:
        print(error, file=sys.stderr)
        sys.exit(UNUSABLE)


def mapping(name: str, settings: Settings) -> MappingSettings | None:
    """The mapping that an argument names, else None: the reason is on standard error then."""
    found = settings.event_source_mappings.get(name)
    if found is None:
        hint = nearest(name, settings.event_source_mappings) or "there are none"
        print(f"there is no mapping {name!r}; {hint}", file=sys.stderr)
    return found
