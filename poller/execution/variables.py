"""Environment variables of a function's process (Lambda DG, Using Lambda environment variables). Nothing of the daemon's own passes."""

from __future__ import annotations

from poller.execution.contract import FunctionSpec

PATH = "/usr/local/bin:/usr/bin:/bin"
OVERRIDABLE = {"LANG": "en_US.UTF-8", "PATH": PATH, "TZ": ":UTC", "LC_CTYPE": "C.UTF-8"}


def variables(spec: FunctionSpec, *, address: str, log_stream: str, runtime: str, temporary: str) -> dict[str, str]:
    """All variables; the platform's own win over the customer's. Paths are those of this host."""
    customer = {name: value for name, value in spec.environment.items() if not name.startswith("_")}
    platform = {
        "_HANDLER": spec.handler,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": spec.initialization_type,
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{spec.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_RUNTIME_API": address,
        "LAMBDA_TASK_ROOT": spec.task_root,
        "LAMBDA_RUNTIME_DIR": runtime,
        "TMPDIR": temporary,
        "PWD": spec.task_root,
    }
    return {**OVERRIDABLE, "PYTHONPATH": runtime, **customer, **spec.aws, **platform}
