"""What a driver asks of a runtime, and what it gets back: how to start a function's first process. Stdlib only, no I/O.

A runtime decides what is run, with which variables, and what it must be able to see; the driver decides in which sandbox.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from poller.execution.contract import FunctionSpec

GATE = 3
"""The descriptor at which a runtime waits that was started ahead."""


class RuntimeUnavailable(Exception):
    """This host cannot run the identifier as things are. The message is a sentence with its remedy."""


class InvalidEntrypoint(Exception):
    """There is nothing that could be started: the invocation fails with ``Runtime.InvalidEntrypoint`` (runtime fact sheet, section 13).

    The message is the reason, which the platform puts behind ``RequestId: ... Error:``.
    """

    error_type = "Runtime.InvalidEntrypoint"

    @classmethod
    def of(cls, path: str, error: OSError) -> InvalidEntrypoint:
        """For an exec that the kernel refused (wrong architecture, no interpreter); path: as the function would see it."""
        return cls(f"fork/exec {path}: {(error.strerror or str(error)).lower()}")


class InvalidWorkingDir(InvalidEntrypoint):
    """The image's working directory is not there."""

    error_type = "Runtime.InvalidWorkingDir"

    @classmethod
    def of(cls, path: str, error: OSError) -> InvalidWorkingDir:
        """For a chdir that the kernel refused."""
        return cls(f"chdir {path}: {(error.strerror or str(error)).lower()}")


@dataclass(frozen=True, slots=True)
class Place:
    """A folder, on the host and as the function's process sees it."""

    host: Path
    inside: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where things are.

    task: the deployment package. opt: the layers, merged; None without layers. runtime, lang: where the runtime's own folders are
    seen; "" where they stay at their places on the host.
    """

    task: Place
    opt: Place | None = None
    runtime: str = ""
    lang: str = ""

    @classmethod
    def sandboxed(cls, task: Path, opt: Path | None = None) -> Places:
        """As on AWS (runtime fact sheet, section 11)."""
        layers = None if opt is None else Place(opt, "/opt")
        return cls(task=Place(task, "/var/task"), opt=layers, runtime="/var/runtime", lang="/var/lang")

    @classmethod
    def on_host(cls, task: Path, opt: Path | None = None) -> Places:
        """Without a sandbox: every path is the host's."""
        return cls(task=Place(task, str(task)), opt=None if opt is None else Place(opt, str(opt)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How to start the process.

    argv: argv[0] is a path. directory: its working directory. environment: the variables that follow from the runtime; customers may
    override all but ``LAMBDA_*``, ``AWS_*`` and ``PWD``. mounts: (host path, path inside), read-only, beyond the package, the layers and
    the /usr and /etc/ssl of the system it runs on. root: a root file system of its own, which only a sandbox can use; None: the host's.
    framed: its client writes logs into a channel of its own, if it finds _LAMBDA_TELEMETRY_LOG_FD.
    version, digest: for INIT_START, which on AWS has ``python:3.11.v11`` and a hash in an ARN. Ours are the language's own version,
    ``python:3.11.7``, and a hash of all that the runtime is made of: equal hashes are equal runtimes. "" for an image.
    held: the same as argv, but it waits for a byte from descriptor GATE before anything of the function's own is loaded, and ends if none
    comes; () for what cannot wait.
    """

    argv: tuple[str, ...]
    directory: str
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[tuple[Path, str], ...] = ()
    root: Path | None = None
    framed: bool = False
    version: str = ""
    digest: str = ""
    held: tuple[str, ...] = ()


def digest_of(identifier: str, description: str) -> str:
    """What ``Runtime.digest`` is made from: hexadecimal, as the hash in AWS's ARNs of runtime versions."""
    return hashlib.sha256(f"{identifier}, {description}".encode()).hexdigest()


def version_arn(region: str, digest: str) -> str:
    """ARN of a runtime version (Lambda DG, Runtime version updates): it has no account."""
    return f"arn:aws:lambda:{region}::runtime:{digest}"


class Runtime(Protocol):
    """One runtime that this host can start."""

    @property
    def identifier(self) -> str:
        """AWS's name for it, e.g. python3.12."""
        ...

    @property
    def root(self) -> Path | None:
        """Its root file system; None: it runs on the host's, and needs no sandbox."""
        ...

    @property
    def concurrent(self) -> bool:
        """Whether its client runs as many invocations at once as AWS_LAMBDA_MAX_CONCURRENCY says."""
        ...

    @property
    def description(self) -> str:
        """What it is made of, versions included, in one line."""
        ...

    @property
    def digest(self) -> str:
        """Of all that: equal digests are equal runtimes."""
        ...

    def launch(self, spec: FunctionSpec, places: Places, /) -> Launch:
        """How to start this function: its handler, its memory, and its AWS_LAMBDA_EXEC_WRAPPER are in the spec.

        Looks at the file system, starts nothing. Raises InvalidEntrypoint.
        """
        ...
