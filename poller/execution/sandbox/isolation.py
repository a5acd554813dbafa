"""How environments of this host are kept apart, decided once, and the making of their boxes."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from poller.execution.sandbox import cgroup, egress, seccomp
from poller.execution.sandbox.box import Beside, Box, Sandbox
from poller.execution.sandbox.bubblewrap import BYTES_PER_FILE, GROUP, HOST_NAME, USER, Layout, arguments
from poller.execution.sandbox.processes import Spawner

PROCESSES = 1024
"""Lambda quotas: processes and threads of an environment."""
FIRST_USER = 2_000_000_000
"""A daemon that runs as root gives each environment a number of its own from here on, which belongs to no account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What one environment's box must have. network: host-egress, none or shared. ports: of the host's loopback, to be reached."""

    name: str
    layout: Layout
    memory_mb: int
    network: str
    ports: tuple[int, ...] = ()


class Isolation(Protocol):
    """One way of keeping environments apart."""

    sandboxed: bool
    """Whether there is a sandbox: whether the function has a /tmp, a /var/task and so on of its own."""
    description: str
    """For people: what is in force, and what is not and why."""
    missing: str = ""
    """Why there is no sandbox although one was wanted, else ""."""

    def network(self, wanted: str) -> str:
        """The network in force: what was wanted, or for "" the best that can be had."""
        ...

    def problem(self, network: str) -> str:
        """Why that network cannot be had; "" when it can."""
        ...

    async def box(self, demand: Demand, mark: Callable[[], bytes]) -> Box:
        """A new place for one environment's processes. mark: see ``Beside``. Raises OSError."""
        ...


class Bubblewrap(Isolation):
    """Namespaces. program: of bubblewrap. state: folder for the few files of /etc that are our own."""

    sandboxed = True

    def __init__(self, program: str, spawner: Spawner, state: Path) -> None:
        self._program = program
        self._spawner = spawner
        self._folder = state / "sandbox"
        self._privileged = os.geteuid() == 0
        self._users: set[int | None] = set()
        self._filter = seccomp.program(platform.machine())

    @functools.cached_property
    def _groups(self) -> cgroup.Groups | str:
        return cgroup.delegated()

    @functools.cached_property
    def _egress(self) -> str:
        return egress.problem()

    @property
    def description(self) -> str:  # type: ignore[override]  # looked at when asked for
        """One line: bubblewrap, limits, network."""
        limits = (
            "limits by control groups"
            if isinstance(self._groups, cgroup.Groups)
            else f"memory is watched: {self._groups}"
        )
        network = "egress by pasta" if not self._egress else f"network shared with the host: {self._egress}"
        filtered = "" if self._filter else f"; system calls are not filtered on {platform.machine()}"
        return f"bubblewrap; {limits}; {network}{filtered}"

    def network(self, wanted: str) -> str:
        """Egress where pasta can give it, else the host's network."""
        return wanted or ("shared" if self._egress else "host-egress")

    def problem(self, network: str) -> str:
        """Only egress may be impossible."""
        return self._egress if network == "host-egress" else ""

    async def box(self, demand: Demand, mark: Callable[[], bytes]) -> Box:  # noqa: ARG002  # processes cannot leave a sandbox
        """A sandbox, with its control group and its way out."""
        async with contextlib.AsyncExitStack() as undo:
            user = self._take_user() if self._privileged else None
            undo.callback(self._users.discard, user)
            group = self._group(demand)
            if group is not None:
                undo.callback(group.remove)
            layout = self._with_files(demand.layout, user, demand.network)
            own_network = demand.network != "shared"
            words = arguments(layout, own_user=not self._privileged, own_network=own_network)
            holder, listener = await self._spawner.create(
                self._program, words, own_network=own_network, files=layout.temporary_bytes // BYTES_PER_FILE
            )
            undo.pop_all()
            box = Sandbox(
                self._spawner,
                holder,
                listener,
                user=user,
                group=group,
                limit=demand.memory_mb * 1024 * 1024,
                system_calls=self._filter,
                closed=functools.partial(self._users.discard, user),
            )
        if demand.network == "host-egress":
            try:
                await box.connect_network(demand.ports)
            except BaseException:
                await asyncio.shield(box.close())
                if listener is not None:
                    listener.close()
                raise
        return box

    def _group(self, demand: Demand) -> cgroup.Group | None:
        if not isinstance(self._groups, cgroup.Groups):
            return None
        megabytes = math.ceil(demand.layout.temporary_bytes / (1024 * 1024))
        try:
            return self._groups.group(
                demand.name, memory_mb=demand.memory_mb, temporary_mb=megabytes, processes=PROCESSES
            )
        except OSError as error:  # a rule of the host's that was not to be seen before
            self._groups = f"the control group cannot be divided: {error.strerror}"
            return None

    def _take_user(self) -> int:
        user = next(
            number for number in range(FIRST_USER, FIRST_USER + len(self._users) + 1) if number not in self._users
        )
        self._users.add(user)
        return user

    def _with_files(self, layout: Layout, user: int | None, network: str) -> Layout:
        """Names for the user and for this machine; an image's own files stay as they are, but for /etc/hosts and /etc/resolv.conf."""
        names = self._names(USER if user is None else user, GROUP if user is None else user)
        resolver = "/dev/null" if network == "none" else os.path.realpath("/etc/resolv.conf")
        files = {"/etc/hosts": str(names / "hosts")}
        if Path(resolver).exists():
            files["/etc/resolv.conf"] = resolver
        for name in ("passwd", "group"):
            if layout.root is None or not (layout.root / "etc" / name).exists():
                files[f"/etc/{name}"] = str(names / name)
        return replace(layout, files={**files, **layout.files})

    def _names(self, user: int, group: int) -> Path:
        folder = self._folder / f"names-{user}"
        if not (folder / "hosts").exists():  # written last
            folder.mkdir(parents=True, exist_ok=True)
            lines = f"root:x:0:0:root:/root:/sbin/nologin\nsbx_user1051:x:{user}:{group}::/tmp:/sbin/nologin\n"
            (folder / "passwd").write_text(lines + "nobody:x:65534:65534:nobody:/:/sbin/nologin\n")
            (folder / "group").write_text(f"root:x:0:\nsbx_user1051:x:{group}:\nnobody:x:65534:\n")
            addresses = f"127.0.0.1 localhost {HOST_NAME} {HOST_NAME}.localdomain\n::1 localhost\n"
            (folder / "hosts").write_text(addresses)
        return folder


class NoIsolation(Isolation):
    """Processes beside each other. reason: why, if a sandbox was wanted."""

    sandboxed = False

    def __init__(self, spawner: Spawner, reason: str = "") -> None:
        self._spawner = spawner
        self.missing = reason
        self.description = f"none: {reason}" if reason else "none, as configured"

    def network(self, wanted: str) -> str:
        """The host's."""
        return wanted or "shared"

    def problem(self, network: str) -> str:
        """Everything but the host's network takes a sandbox."""
        return (
            "" if network == "shared" else f"network: {network} takes a sandbox, and there is none ({self.description})"
        )

    async def box(self, demand: Demand, mark: Callable[[], bytes]) -> Box:
        """Nothing is made."""
        return Beside(self._spawner, mark, demand.memory_mb * 1024 * 1024)


def unavailable() -> str:
    """Why bubblewrap cannot be used on this host; "" when it can: it was tried."""
    program = shutil.which("bwrap")
    if program is None:
        return "bubblewrap is not installed (Debian: apt install bubblewrap)"
    user = [] if os.geteuid() == 0 else ["--unshare-user"]
    namespaces = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--hostname", HOST_NAME]
    command = [program, *user, *namespaces, "--ro-bind", "/", "/", "--proc", "/proc", "--", "/bin/true"]
    try:
        tried = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap cannot be run: {error}"
    if tried.returncode:
        return f"this host refuses bubblewrap: {tried.stderr.strip().splitlines()[-1] if tried.stderr else tried.returncode}"
    return ""


def isolation(wanted: str, spawner: Spawner, state: Path) -> Isolation:
    """wanted: auto, bubblewrap or none. auto takes what can be had."""
    if wanted == "none":
        return NoIsolation(spawner)
    reason = unavailable()
    return NoIsolation(spawner, reason) if reason else Bubblewrap(shutil.which("bwrap") or "bwrap", spawner, state)
