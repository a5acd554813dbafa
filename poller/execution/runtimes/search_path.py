"""The variables that every runtime gets, as on AWS, and the start through a wrapper script.

Order and content: Lambda DG, Using Lambda environment variables; runtime fact sheet, section 10. What a place does not have is left out
of the paths: there is no /opt without layers, and no /var/lang for an interpreter under /usr.
"""

from __future__ import annotations

from collections.abc import Iterable

from poller.execution.contract import FunctionSpec
from poller.execution.runtimes.contract import Places

WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"


def joined(paths: Iterable[str]) -> str:
    """A search path, without the empty ones: an empty entry would mean the working directory."""
    return ":".join(path for path in paths if path)


def common(identifier: str, places: Places, *, runtime: str, lang: str) -> dict[str, str]:
    """Variables of any runtime. runtime, lang: as seen inside; "" where there is no such folder."""
    task, opt = places.task.inside, layers(places)
    variables = {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": joined([lang and f"{lang}/bin", "/usr/local/bin", "/usr/bin", "/bin", opt and f"{opt}/bin"]),
        "LD_LIBRARY_PATH": joined(
            [
                *(lang and f"{lang}/lib", "/lib64", "/usr/lib64", runtime, runtime and f"{runtime}/lib"),
                *(task, f"{task}/lib", opt and f"{opt}/lib"),
            ]
        ),
        "LAMBDA_TASK_ROOT": task,
        "LAMBDA_RUNTIME_DIR": runtime or "/var/runtime",
        "PWD": task,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    }
    if not identifier.startswith("provided"):
        variables["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{identifier}"
    return variables


def layers(places: Places) -> str:
    """Where the function sees its layers; "" without any."""
    return places.opt.inside if places.opt is not None else ""


def wrapped(spec: FunctionSpec, argv: tuple[str, ...]) -> tuple[str, ...]:
    """The command, through the function's wrapper script if it names one (Lambda DG, Modifying the runtime environment).

    A shell starts it, as on AWS: a wrapper that is not there ends the process with status 127.
    """
    wrapper = spec.environment.get(WRAPPER, "")
    return ("/bin/sh", "-c", 'exec "$0" "$@"', wrapper, *argv) if wrapper else argv
