"""What the service refuses of a function's configuration beyond what its model tells, in its own words. Pure.

Sources: Lambda DG, Lambda quotas; Lambda runtimes; sentences recorded between November 2025 and February 2026.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from poller.control.api.contract import ApiError
from poller.control.api.names import constraint
from poller.control.api.refusals import invalid
from poller.settings.functions import MOST_ENVIRONMENT_BYTES, RESERVED_VARIABLES, RETIRED, RUNTIMES
from poller.settings.image import NOT_FOR_IMAGES
from poller.settings.package import MOST_UNPACKED_BYTES

MOST_ZIPPED_BYTES = 52_428_800
MOST_TAGS = 50
LONGEST_TIMEOUT = 900
MOST_MEMORY = 10_240

NOT_HERE = ("CapacityProviderConfig", "DurableConfig", "FileSystemConfigs", "PublishTo", "TenancyConfig")
"""Members that would change what the function does, and change nothing here."""
VARIABLES_REFUSED = (
    "Lambda was unable to configure your environment variables because the environment variables you have provided"
)


def check(params: Mapping[str, Any], *, image: bool, retired: bool, architecture: str) -> None:
    """Raises ApiError for the first thing that does not hold of what CreateFunction or UpdateFunctionConfiguration was given.

    image: whether the function's code is one. retired: whether runtimes are let in that AWS takes no more. architecture: of this host.
    """
    if unknown := [name for name in NOT_HERE if params.get(name)]:
        raise invalid(f"{unknown[0]} is not supported here{_REMEDIES.get(unknown[0], '')}.")
    if image and any(params.get(name) for name in ("Runtime", "Handler", "Layers")):
        raise invalid(NOT_FOR_IMAGES)
    check_architecture(params, architecture)
    _check_runtime(params.get("Runtime"), retired=retired)
    _check_most(params, "Timeout", "timeout", LONGEST_TIMEOUT)
    _check_most(params, "MemorySize", "memorySize", MOST_MEMORY)
    _check_variables(params.get("Environment", {}).get("Variables") or {})
    check_tags(params.get("Tags") or {})


_REMEDIES = {"FileSystemConfigs": "; file_system_configs in a configuration file names folders of the host"}


def check_architecture(params: Mapping[str, Any], architecture: str) -> None:
    """Raises ApiError for code that this host cannot run."""
    if (given := params.get("Architectures")) and list(given) != [architecture]:
        raise invalid(f"Architectures {', '.join(given)}: this host runs functions for {architecture} only.")


def _check_runtime(runtime: str | None, *, retired: bool) -> None:
    if runtime is None or runtime in RUNTIMES or (retired and runtime in RETIRED):
        return
    if runtime in RETIRED:
        raise invalid(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. "
            "We recommend you use a supported runtime while creating or updating functions."
        )
    known = ", ".join(RUNTIMES)
    raise invalid(
        f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{known}]"
    )


def _check_most(params: Mapping[str, Any], name: str, member: str, most: int) -> None:
    if (value := params.get(name)) is not None and value > most:
        raise constraint(value, member, f"Member must have value less than or equal to {most}")


def _check_variables(variables: Mapping[str, str]) -> None:
    if reserved := [name for name in variables if name in RESERVED_VARIABLES]:
        raise invalid(
            f"{VARIABLES_REFUSED} contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    text = json.dumps(dict(variables), ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) > MOST_ENVIRONMENT_BYTES:
        raise invalid(f"{VARIABLES_REFUSED} exceeded the 4KB limit. String measured: {text}")


def check_tags(tags: Mapping[str, str]) -> None:
    """Raises ApiError for more tags than a function may have."""
    if len(tags) > MOST_TAGS:
        raise invalid("Number of tags exceeds resource tag limit.")


def check_zipped(size: int) -> None:
    """Raises ApiError for a .zip that is too big for the API; bytes."""
    if size > MOST_ZIPPED_BYTES:
        sentence = f"Zipped size must be smaller than {MOST_ZIPPED_BYTES} bytes"
        raise ApiError("RequestEntityTooLargeException", sentence)


def check_unpacked(size: int) -> None:
    """Raises ApiError for a package, with its layers, that is too big unpacked; bytes."""
    if size > MOST_UNPACKED_BYTES:
        raise invalid(f"Unzipped size must be smaller than {MOST_UNPACKED_BYTES} bytes")


def check_compatible(runtimes: Sequence[str]) -> None:
    """Raises ApiError for a runtime that AWS never had, named as one that a layer is for."""
    known = (*RUNTIMES, *RETIRED)
    if any(runtime not in known for runtime in runtimes):
        words = f"Member must satisfy constraint: [Member must satisfy enum value set: [{', '.join(known)}]]"
        raise constraint(f"[{', '.join(runtimes)}]", "compatibleRuntimes", words)
