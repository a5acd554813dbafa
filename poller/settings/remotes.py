"""What must hold for a function that runs elsewhere: where it is, as whom it is asked, and that nothing is set which only counts here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from connectors.aws.options import check_endpoint, is_aws
from connectors.contract import OptionsError
from poller.settings.model import FunctionSettings, RemoteSettings
from poller.settings.nodes import Keys
from poller.settings.problems import Finding
from poller.settings.references import function_reference

OF_HERE = (
    *("code", "runtime", "handler", "layers", "image_config", "memory_mb", "environment", "ephemeral_storage_mb"),
    *(
        "driver",
        "network",
        "host_ports",
        "provisioned_concurrency",
        "provisioned_versions",
        "prefork",
        "aliases",
        "logging",
    ),
    "per_execution_environment_max_concurrency",
)
"""Keys of a function that only count where it runs."""


def check_remote(keys: Keys, function: FunctionSettings, remote: RemoteSettings) -> Iterator[Finding]:
    """Findings about one function with a ``remote`` that could be read."""
    for field in dataclasses.fields(function):
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        if field.name in OF_HERE and getattr(function, field.name) != default:
            yield Finding((*keys, field.name), "a function with remote has this where it runs", "leave it out")
    keys = (*keys, "remote")
    yield from _server(keys, remote)
    yield from _identity(keys, remote)
    yield from _name(keys, remote)


def _server(keys: Keys, remote: RemoteSettings) -> Iterator[Finding]:
    if remote.endpoint_url:
        try:
            check_endpoint(remote.endpoint_url)
        except OptionsError as error:
            yield Finding((*keys, "endpoint_url"), str(error))
            return
    if not remote.allow_aws and (not remote.endpoint_url or is_aws(remote.endpoint_url)):
        sentence = "this is real AWS, which is not contacted unless told to"
        yield Finding((*keys, "endpoint_url"), sentence, "name another server, or set allow_aws: true here")


def _identity(keys: Keys, remote: RemoteSettings) -> Iterator[Finding]:
    if bool(remote.access_key_id) != bool(remote.secret_access_key):
        yield Finding((*keys, "access_key_id"), "access_key_id and secret_access_key go together")
    elif remote.session_token and not remote.access_key_id:
        yield Finding((*keys, "session_token"), "a session token goes with access_key_id and secret_access_key")
    elif remote.profile and remote.access_key_id:
        yield Finding((*keys, "profile"), "profile and keys exclude each other")
    elif remote.profile and not remote.allow_aws:
        yield Finding(
            (*keys, "profile"), "a profile may ask AWS for keys", "name the keys, or set allow_aws: true here"
        )


def _name(keys: Keys, remote: RemoteSettings) -> Iterator[Finding]:
    if not remote.function:
        return
    reference = function_reference(remote.function)
    if reference is None:
        yield Finding((*keys, "function"), f"{remote.function!r} is no function's name or ARN")
    elif reference.qualifier and remote.qualifier not in {"", reference.qualifier}:
        sentence = "The derived qualifier from the function name does not match the specified qualifier."
        yield Finding((*keys, "qualifier"), sentence)
