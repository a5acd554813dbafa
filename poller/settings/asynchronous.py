"""Asynchronous invocations in the configuration: what counts for a function and a qualifier, who is told, and whether that can be. No I/O.

What is refused has the service's own words where it has some (recorded in November 2025).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from connectors.destinations import dead_letter_target, invocation_destination
from poller.settings.destinations import refused
from poller.settings.model import (
    EventInvokeSettings,
    FunctionSettings,
    InvocationDestinationsSettings,
    Settings,
)
from poller.settings.nodes import Keys
from poller.settings.problems import Finding, nearest
from poller.settings.references import LATEST, function_reference, is_number

NOTHING = "You must specify at least one of error handling or destination setting."
ITSELF = "You can't specify the function as a destination for itself."
FUNCTION = ":lambda:"


def event_invoke(function: FunctionSettings | None, qualifier: str) -> EventInvokeSettings:
    """What counts for events that name this qualifier, "" for none: nothing is inherited (Lambda API reference)."""
    found = None
    if function is not None and qualifier in {"", LATEST}:
        found = function.event_invoke_config
    elif function is not None and is_number(qualifier):
        found = function.event_invoke_versions.get(qualifier)
    elif function is not None and qualifier in function.aliases:
        found = function.aliases[qualifier].event_invoke_config
    return found or EventInvokeSettings()


def destinations(config: EventInvokeSettings) -> tuple[str, str]:
    """Who is told of success, and who of failure; "" for nobody."""
    told = config.destination_config or InvocationDestinationsSettings()
    return told.on_success.destination, told.on_failure.destination


def check_asynchronous(settings: Settings, sound: Callable[[Keys], bool]) -> Iterator[Finding]:
    """Findings about asynchronous invocations of all functions. sound: whether the value at these keys could be read."""
    if sound(("asynchronous",)) and not settings.asynchronous.retry_delays_seconds:
        keys = ("asynchronous", "retry_delays_seconds")
        yield Finding(keys, "there is no delay in this list", "[60, 120] are AWS's")
    for name, function in settings.functions.items():
        keys = ("functions", name)
        for where, config in _configs(keys, function, sound):
            yield from _event_invoke(where, name, config, settings, sound)
        if sound((*keys, "dead_letter_config")) and function.dead_letter_config is not None:
            build = partial(dead_letter_target, function.dead_letter_config.target_arn, settings.aws)
            yield from refused((*keys, "dead_letter_config", "target_arn"), build)


def _configs(
    keys: Keys, function: FunctionSettings, sound: Callable[[Keys], bool]
) -> Iterator[tuple[Keys, EventInvokeSettings]]:
    """Every configuration for events of a function that could be read, and where it stands."""
    own = (*keys, "event_invoke_config")
    if sound(own) and function.event_invoke_config is not None:
        yield own, function.event_invoke_config
    if sound((*keys, "event_invoke_versions")):
        for number, config in function.event_invoke_versions.items():
            yield (*keys, "event_invoke_versions", number), config
    if not sound((*keys, "aliases")):
        return
    for alias, of_it in function.aliases.items():
        if of_it.event_invoke_config is not None:
            yield (*keys, "aliases", alias, "event_invoke_config"), of_it.event_invoke_config


def _event_invoke(
    keys: Keys, name: str, config: EventInvokeSettings, settings: Settings, sound: Callable[[Keys], bool]
) -> Iterator[Finding]:
    if config == EventInvokeSettings():
        yield Finding(keys, NOTHING)
    success, failure = destinations(config)
    if ":s3:" in success:
        said = f"DestinationConfig(onSuccess=OnSuccess(destination={success}), onFailure=null)"
        where = (*keys, "destination_config", "on_success", "destination")
        yield Finding(where, f"The provided destination config {said} is invalid.", "a bucket is for on_failure only")
        success = ""
    for end, text in (("on_success", success), ("on_failure", failure)):
        if text:
            yield from _destination((*keys, "destination_config", end, "destination"), name, text, settings, sound)


def _destination(
    keys: Keys, name: str, text: str, settings: Settings, sound: Callable[[Keys], bool]
) -> Iterator[Finding]:
    if FUNCTION in text:
        yield from _function(keys, name, text, settings, sound)
    else:
        yield from refused(keys, partial(invocation_destination, text, settings.aws))


def _function(keys: Keys, name: str, text: str, settings: Settings, sound: Callable[[Keys], bool]) -> Iterator[Finding]:
    reference, aws = function_reference(text), settings.aws
    invalid = f"The destination ARN {text} is invalid."
    if reference is None:
        yield Finding(keys, invalid, "arn:aws:lambda:REGION:ACCOUNT:function:NAME")
    elif reference.account != aws.account_id or (aws.region and reference.region != aws.region):
        own = f"functions of this daemon are of account {aws.account_id}" + f" in {aws.region}" * bool(aws.region)
        yield Finding(keys, invalid, own)
    elif reference.name == name:
        yield Finding(keys, ITSELF)
    elif reference.name not in settings.functions:
        yield Finding(keys, invalid, nearest(reference.name, settings.functions))
    elif reference.qualifier not in {"", LATEST} and not is_number(reference.qualifier):
        aliases = getattr(settings.functions[reference.name], "aliases", {})  # none of a function that was not read
        if reference.qualifier not in aliases and sound(("functions", reference.name, "aliases")):
            hint = nearest(reference.qualifier, aliases) or f"{reference.name} has no aliases"
            yield Finding(keys, invalid, hint)
