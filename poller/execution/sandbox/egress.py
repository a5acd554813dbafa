"""The way out of a sandbox's network: pasta, which carries connections over from a network namespace without privileges.

From inside, the outside is reached as by any program of the host; nothing from outside reaches in. The host's loopback is not reachable
but for the ports that are asked for: a local AWS endpoint, say.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from poller.execution.sandbox.processes import Command, Process

SECONDS = 5.0
TUN = "/dev/net/tun"


def problem() -> str:
    """Why there is no way out; "" when there is."""
    if os.geteuid() == 0:
        return "pasta does not serve root: run the daemon as a user of its own"
    if shutil.which("pasta") is None:
        return "pasta is not installed (Debian: apt install passt)"
    if not os.access(TUN, os.R_OK | os.W_OK):
        return f"{TUN} may not be opened by the daemon's user"
    return ""


def command(holder: int, ports: tuple[int, ...]) -> Command:
    """The program beside a sandbox. holder: process that is in its namespaces."""
    forwarded = ",".join(map(str, sorted(set(ports)))) or "none"
    argv = [shutil.which("pasta") or "pasta", "--foreground", "--quiet", "--config-net", "--no-map-gw"]
    argv += ["-t", "none", "-u", "none", "-U", "none", "-T", forwarded]
    argv += ["--netns", f"/proc/{holder}/ns/net", "--userns", f"/proc/{holder}/ns/user"]
    return Command(argv=argv, environment={}, folder="/", descriptors={})


async def up(holder: int, pasta: Process) -> None:
    """Return when there is a way out. Raises OSError when pasta ends or takes too long."""
    routes = Path(f"/proc/{holder}/net/route")
    for _ in range(int(SECONDS * 1000)):
        if not pasta.running:
            break
        if len(routes.read_text().splitlines()) > 1:  # noqa: ASYNC240  # the kernel's, in memory
            return
        await asyncio.sleep(0.001)
    raise OSError("pasta did not connect the sandbox's network")
