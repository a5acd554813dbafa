"""Environment variables of a function's process (Lambda DG, Using Lambda environment variables). Nothing of the daemon's own passes."""

from __future__ import annotations

from collections.abc import Mapping

from poller.execution.contract import FunctionSpec, log_group
from poller.execution.runtimes.contract import Launch

RESERVED = ("AWS_", "LAMBDA_", "PWD")
"""Beginnings of what a runtime sets and no customer may change; the one exception follows."""
OPEN = frozenset({"AWS_XRAY_CONTEXT_MISSING"})


def variables(
    spec: FunctionSpec, launch: Launch, *, address: str, token: str, log_stream: str, temporary: str
) -> dict[str, str]:
    """All variables: the runtime's, the customer's over them, the platform's own over both. Paths are those that the function sees.

    address, token: of the environment's listener, and for its metadata endpoint. temporary: the folder in the place of /tmp; "" under a
    sandbox that has a /tmp.
    """
    customer = {name: value for name, value in spec.environment.items() if not name.startswith("_")}
    kept = {n: v for n, v in launch.environment.items() if n.startswith(RESERVED) and n not in OPEN}
    platform = {
        **(
            {"_HANDLER": spec.handler} if spec.handler else {}
        ),  # an image's own business (runtime fact sheet, section 10)
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": spec.initialization_type,
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.logging.group or log_group(spec.name),
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_METADATA_API": address,
        "AWS_LAMBDA_METADATA_TOKEN": token,
        "AWS_LAMBDA_RUNTIME_API": address,
    }
    if spec.max_concurrency > 1:
        platform["AWS_LAMBDA_MAX_CONCURRENCY"] = str(spec.max_concurrency)
    given = {"TMPDIR": temporary} if temporary else {}
    logging = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": spec.logging.application_level}
    open_to_customers = {**launch.environment, **(logging if spec.logging.json else {})}
    return {**open_to_customers, **customer, **spec.aws, **given, **kept, **platform}


NOT_FOR_EXTENSIONS = frozenset(
    {
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_MAX_CONCURRENCY",
        "AWS_XRAY_CONTEXT_MISSING",
        "AWS_XRAY_DAEMON_ADDRESS",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)


def for_extensions(runtime: Mapping[str, str], customer: Mapping[str, str]) -> dict[str, str]:
    """What an extension sees of a runtime's variables: the customer's, and those that do not describe the runtime (section 5.5)."""
    return {
        name: value
        for name, value in runtime.items()
        if name in customer or not (name.startswith("_") or name in NOT_FOR_EXTENSIONS)
    }
