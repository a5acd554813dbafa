"""provided.al2023, provided.al2 and provided: the function brings its own runtime, an executable named bootstrap.

Go (aws-lambda-go) and Rust (lambda_runtime) functions are such executables; a shell script will do. It must run on this host's system:
a binary built for Amazon Linux 2023 needs a C library of 2.34 or newer, or none (a static build).
"""

from __future__ import annotations

import os
from pathlib import Path

from poller.execution.contract import FunctionSpec
from poller.execution.runtimes.contract import InvalidEntrypoint, Launch, Place, Places, digest_of
from poller.execution.runtimes.search_path import common

IDENTIFIERS = ("provided.al2023", "provided.al2", "provided")


class ProvidedRuntime:
    """Starts the first bootstrap found: the package's, else the layers' (Lambda DG, Building a custom runtime)."""

    root: Path | None = None
    concurrent = True  # what the function brings along must know how
    description = "the function's own executable, bootstrap, on this host's system"

    def __init__(self, identifier: str) -> None:
        self.identifier = identifier
        self.digest = digest_of(identifier, self.description)

    def launch(self, _spec: FunctionSpec, places: Places, /) -> Launch:
        """As in the contract. No wrapper: there is no language start-up to wrap."""
        folders = [place for place in (places.task, places.opt) if place is not None]
        found = next((folder for folder in folders if _is_executable(folder)), None)
        if found is None:
            seen = [folder.inside for folder in folders] if places.opt is not None else [places.task.inside, "/opt"]
            names = " ".join(f"{folder}/bootstrap" for folder in seen)
            raise InvalidEntrypoint(f"Couldn't find valid bootstrap(s): [{names}]")
        return Launch(
            argv=(f"{found.inside}/bootstrap",),
            directory=places.task.inside,
            environment=common(self.identifier, places, runtime="", lang=""),
            version=self.identifier.replace(".", ":"),
            digest=self.digest,
        )


def _is_executable(folder: Place) -> bool:
    path = folder.host / "bootstrap"
    return path.is_file() and os.access(path, os.X_OK)
