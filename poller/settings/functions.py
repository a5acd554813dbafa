"""What must hold for one function beyond the type of each key. Pure but for a look at the package."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from poller.settings.code import contents
from poller.settings.concurrent import check_concurrent
from poller.settings.image import check_image
from poller.settings.layers import check_layers
from poller.settings.model import AliasSettings, FileSystemConfig, FunctionSettings, ImageCode
from poller.settings.nodes import Keys
from poller.settings.package import PackageError, Room, check_python_handler
from poller.settings.problems import Finding, nearest
from poller.settings.references import LATEST
from poller.settings.remotes import check_remote

RUNTIMES = (
    *("python3.8", "python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14", "python3.15"),
    *("nodejs16.x", "nodejs18.x", "nodejs20.x", "nodejs22.x", "nodejs24.x", "nodejs26.x"),
    *("java8.al2", "java11", "java17", "java21", "java25", "java8.al2023", "java11.al2023", "java17.al2023"),
    *("dotnet6", "dotnet8", "dotnet10"),
    *("ruby3.2", "ruby3.3", "ruby3.4", "ruby4.0"),
    *("provided.al2", "provided.al2023"),
)
"""Identifiers that functions can be created with (Lambda DG, Lambda runtimes, with the enum of the Lambda API reference)."""

RETIRED = (
    *("nodejs", "nodejs4.3", "nodejs4.3-edge", "nodejs6.10", "nodejs8.10", "nodejs10.x", "nodejs12.x", "nodejs14.x"),
    *("python2.7", "python3.6", "python3.7", "java8", "go1.x", "ruby2.5", "ruby2.7"),
    *("dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1", "dotnet5.0", "provided"),
)
"""Identifiers that functions could be created with once (Lambda DG, Lambda runtimes, deprecated runtimes)."""

RESERVED_VARIABLES = frozenset(
    {
        *("_HANDLER", "_X_AMZN_TRACE_ID", "_LAMBDA_TELEMETRY_LOG_FD"),
        *("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_RUNTIME_API"),
        *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"),
        *("AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"),
        *("AWS_LAMBDA_METADATA_API", "AWS_LAMBDA_METADATA_TOKEN"),
        *("AWS_LAMBDA_MAX_CONCURRENCY", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"),
    }
)
"""Environment variables that only the platform sets (Lambda DG, Using Lambda environment variables, reserved)."""

MOST_ENVIRONMENT_BYTES = 4096
"""All variables of a function as a JSON object (Lambda quotas: 4 KB)."""


LEVEL_WITHOUT_JSON = 'LogLevel is not supported when LogFormat is set to "Text"'
"""The service's own sentence."""


def check_function(keys: Keys, function: FunctionSettings, sound: Callable[[Keys], bool]) -> Iterator[Finding]:
    """Findings about one function. sound: whether the value at these keys could be read."""
    if not sound((*keys, "remote")):
        return
    if function.remote is not None:
        yield from check_remote(keys, function, function.remote)
        return
    yield from _beside_code(keys, function, sound)
    if not sound((*keys, "driver")):
        return
    if sound((*keys, "code")) and isinstance(function.code, ImageCode):
        yield from check_image(keys, function.code, function, sound)
    elif function.driver == "container":
        yield Finding(
            (*keys, "code"), "a container engine runs images only", "code: {image: ghcr.io/team/orders:1}, for example"
        )
    else:
        yield from _archive(keys, function, sound)


def _beside_code(keys: Keys, function: FunctionSettings, sound: Callable[[Keys], bool]) -> Iterator[Finding]:
    """Findings about what every function that runs here may have, whatever its code is."""
    if sound((*keys, "environment")):
        yield from _environment((*keys, "environment"), function)
    yield from check_concurrent(keys, function, sound)
    if sound((*keys, "aliases")):
        for name, alias in function.aliases.items():
            yield from _alias((*keys, "aliases", name), alias)
    if sound((*keys, "file_system_configs")):
        yield from _file_systems((*keys, "file_system_configs"), function.file_system_configs)
    if sound((*keys, "logging")) and function.logging.log_format == "Text":
        yield from (
            Finding((*keys, "logging", name), LEVEL_WITHOUT_JSON, "leave it out, or log_format: JSON")
            for name in ("application_log_level", "system_log_level")
            if getattr(function.logging, name) is not None
        )


def _archive(keys: Keys, function: FunctionSettings, sound: Callable[[Keys], bool]) -> Iterator[Finding]:
    """Findings about a function of package type Zip, as the service calls it: from a folder or a .zip."""
    read = {name for name in ("code", "runtime", "handler", "layers", "image_config") if sound((*keys, name))}
    yield from (
        Finding((*keys, name), "this key is required")
        for name in ("runtime", "handler")
        if {"code", name} <= read and not getattr(function, name)
    )
    if "runtime" in read and function.runtime and function.runtime not in (*RUNTIMES, *RETIRED):
        sentence = f"{function.runtime!r} is no runtime that AWS offers"
        yield Finding((*keys, "runtime"), sentence, nearest(function.runtime, RUNTIMES))
    if "image_config" in read and function.image_config is not None:
        yield Finding((*keys, "image_config"), "only an image has this", "code: {image: ...} is one")
    room = Room()
    if "code" in read:
        yield from _package(keys, function, room, python={"handler", "runtime"} <= read and bool(function.handler))
    if "layers" in read:
        yield from check_layers((*keys, "layers"), function.layers, room)


def _environment(keys: Keys, function: FunctionSettings) -> Iterator[Finding]:
    for name in function.environment:
        if name in RESERVED_VARIABLES:
            yield Finding((*keys, name), "AWS reserves this variable: only the platform sets it", "leave it out")
    size = len(json.dumps(dict(function.environment), ensure_ascii=False, separators=(",", ":")).encode())
    if size > MOST_ENVIRONMENT_BYTES:
        yield Finding(keys, f"the variables take {size} bytes as JSON; {MOST_ENVIRONMENT_BYTES} are allowed")


def _file_systems(keys: Keys, configs: Sequence[FileSystemConfig]) -> Iterator[Finding]:
    seen: set[str] = set()
    for at, config in enumerate(configs):
        if not Path(config.path).is_dir():
            yield Finding(
                (*keys, at, "path"),
                f"there is no folder {config.path}",
                "make it; functions must be able to write there",
            )
        if config.local_mount_path in seen:
            yield Finding((*keys, at, "local_mount_path"), f"{config.local_mount_path} is taken", "name another one")
        seen.add(config.local_mount_path)


def _alias(keys: Keys, alias: AliasSettings) -> Iterator[Finding]:
    """What the service refuses, in its own words (recorded in November 2025). That the versions exist is for control to say."""
    if len(alias.weights) > 1:
        sentence = "Number of items in AdditionalVersionWeights cannot be greater than 1"
        yield Finding((*keys, "weights"), sentence, "an alias splits its invocations between two versions")
    elif alias.weights and alias.version == LATEST:
        sentence = "$LATEST is not supported for an alias pointing to more than 1 version"
        yield Finding((*keys, "version"), sentence, "publish it, and name the version")
    elif alias.version in alias.weights:
        twice = f"Function version {alias.version} is already included in routing configuration"
        yield Finding((*keys, "weights", alias.version), f"Invalid function version {alias.version}. {twice}")


def _package(keys: Keys, function: FunctionSettings, room: Room, *, python: bool) -> Iterator[Finding]:
    try:
        files = contents(Path(str(function.code)), room)
    except PackageError as error:
        yield Finding((*keys, "code"), str(error), error.hint)
        return
    if python and function.runtime.startswith("python"):
        try:
            check_python_handler(function.handler, files)
        except PackageError as error:
            yield Finding((*keys, "handler"), str(error), error.hint)
