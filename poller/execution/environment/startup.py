"""What starts in an environment, and what it finds there: a function's spec -> layout of its box, and its commands.

Looks at the file system, starts nothing. Paths are those that the function sees: under a sandbox the service's, else the host's.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from poller.execution.contract import FunctionSpec, Image
from poller.execution.environment.variables import for_extensions, variables
from poller.execution.image.inside import resolved
from poller.execution.logs import LOG_FD
from poller.execution.runtimes import catalogue
from poller.execution.runtimes.contract import InvalidEntrypoint, Launch, Places, RuntimeUnavailable, version_arn
from poller.execution.sandbox.bubblewrap import Layout
from poller.execution.sandbox.isolation import PROCESSES
from poller.execution.sandbox.processes import Command
from poller.execution.telemetry.facts import InitStart

DESCRIPTORS = 1024
"""Open files of a process (Lambda quotas; RLIMIT_NOFILE recorded)."""
DISABLE_EXTENSIONS = "disable-extensions-jwigqn8j"
"""A file of that name in /opt keeps external extensions from being started (runtime interface emulator)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Startup:
    """Everything about one environment's processes but where its Runtime API listens.

    launch: of the runtime. extensions: name -> path of the external ones, in name's order.
    """

    spec: FunctionSpec
    launch: Launch
    layout: Layout
    extensions: Mapping[str, str]
    temporary: str

    def runtime_variables(self, address: str, token: str, log_stream: str) -> dict[str, str]:
        """Of the runtime's process. address, token: see ``variables``."""
        channel = {"_LAMBDA_TELEMETRY_LOG_FD": str(LOG_FD)} if self.launch.framed else {}
        return channel | variables(
            self.spec,
            self.launch,
            address=address,
            token=token,
            log_stream=log_stream,
            temporary=self.temporary,
        )

    def extension_variables(self, address: str, token: str, log_stream: str) -> dict[str, str]:
        """Of an extension's process."""
        return for_extensions(self.runtime_variables(address, token, log_stream), self.spec.environment)

    def init_start(self, phase: str, log_stream: str) -> InitStart:
        """What is told when these processes are about to start. phase: init, or invoke on an invocation's time."""
        spec, launch = self.spec, self.launch
        return InitStart(
            initialization_type=spec.initialization_type,
            phase=phase,
            runtime_version=launch.version,
            runtime_version_arn=version_arn(spec.region, launch.digest) if launch.version else "",
            function_name=spec.name,
            function_version=spec.version,
            function_arn=spec.arn,
            instance_id=log_stream,
            instance_max_memory=spec.memory_mb * 1024 * 1024,
        )

    def command(self, argv: tuple[str, ...], variables: Mapping[str, str], descriptors: Mapping[int, int]) -> Command:
        """One of these processes. descriptors: number inside -> ours."""
        return Command(
            argv=argv,
            environment=variables,
            folder=self.launch.directory,
            descriptors=descriptors,
            limits=self.limits(),
        )

    def limits(self) -> dict[str, int]:
        """Of each process; processes are counted only where the environment has its own user."""
        limits = {"RLIMIT_NOFILE": DESCRIPTORS, "RLIMIT_CORE": 0}
        return limits if self.temporary else {**limits, "RLIMIT_NPROC": PROCESSES}


def startup(spec: FunctionSpec, state: Path, *, sandboxed: bool, temporary: Path) -> Startup:
    """What to start. temporary: folder in the place of /tmp where there is no sandbox. Raises InvalidEntrypoint."""
    opt = Path(spec.layers_root) if spec.layers_root else None
    places = (Places.sandboxed if sandboxed else Places.on_host)(Path(spec.task_root), opt)
    launch = _image(spec) if spec.image else _runtime(spec, state, places)
    if spec.max_concurrency > 1:  # frames of several writers would meet in one channel
        launch = dataclasses.replace(launch, framed=False)
    mounts = {} if spec.image else {"/var/task": spec.task_root}
    if opt is not None:
        mounts["/opt"] = str(opt)
    mounts |= {inside: str(outside) for outside, inside in launch.mounts}
    return Startup(
        spec=spec,
        launch=launch,
        layout=Layout(
            root=launch.root,
            mounts=mounts,
            writable=spec.file_systems,
            temporary_bytes=spec.ephemeral_storage_mb * 1024 * 1024,
        ),
        extensions=_image_extensions(spec.image) if spec.image else _extensions(opt, "/opt" if sandboxed else str(opt)),
        temporary="" if sandboxed else str(temporary),
    )


def _runtime(spec: FunctionSpec, state: Path, places: Places) -> Launch:
    try:
        runtime = catalogue.find(spec.runtime, state)
    except RuntimeUnavailable as error:  # it was there when the daemon began
        raise InvalidEntrypoint(str(error)) from error
    return runtime.launch(spec, places)


def _image(spec: FunctionSpec) -> Launch:
    """The image says what is run; its variables are its own and the function's (section 15 of the sheet)."""
    image = spec.image
    assert image is not None  # noqa: S101  # the caller has looked
    if not image.argv[0].startswith("/"):
        raise InvalidEntrypoint(f"fork/exec {image.argv[0]}: no such file or directory")
    return Launch(
        argv=image.argv,
        directory=image.working_directory,
        environment={**image.environment, "AWS_EXECUTION_ENV": "AWS_Lambda_Image"},
        root=image.root,
    )


def _image_extensions(image: Image) -> dict[str, str]:
    """Those of an image, in which /opt, and all below it, may be links; we look from outside, and stay inside its root."""
    if resolved(image.root, f"/opt/{DISABLE_EXTENSIONS}") is not None:
        return {}
    return _files(resolved(image.root, "/opt/extensions"), "/opt")


def _extensions(opt: Path | None, seen_at: str) -> dict[str, str]:
    """Those of layers. A link for the folder itself is not followed: it may mean a place of the sandbox, where more is than layers."""
    if opt is None or os.path.lexists(opt / DISABLE_EXTENSIONS):
        return {}
    folder = opt / "extensions"
    return {} if folder.is_symlink() else _files(folder, seen_at)


def _files(folder: Path | None, seen_at: str) -> dict[str, str]:
    """Every file directly in the folder (Lambda DG, Lambda Extensions API); what a link leads to is found out when it is started."""
    if folder is None or not folder.is_dir():
        return {}
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if not entry.is_dir(follow_symlinks=False))
    return {name: f"{seen_at}/extensions/{name}" for name in names}
