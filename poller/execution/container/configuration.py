"""What the engine is told about an environment's container (Docker Engine API, ContainerCreate). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from poller.execution.container.machine import PLACE, PROGRAM
from poller.execution.contract import FunctionSpec
from poller.execution.environment.startup import DESCRIPTORS
from poller.execution.sandbox.bubblewrap import HOST_NAME, TEMPORARY
from poller.execution.sandbox.cgroup import FULL_CORE_MB
from poller.execution.sandbox.isolation import PROCESSES

MB = 1024 * 1024
FIRST_USER, FIRST_MAPPED_USER = 2_100_000_000, 20_000
"""Numbers of the functions' users, beyond all accounts; the second where an engine maps users, which gives it 65536 at most."""


def container(
    spec: FunctionSpec, image: str, *, door: Path, network: str, user: int, labels: Mapping[str, str]
) -> dict[str, Any]:
    """The container of one environment. image: its id. door: folder that is mounted for the agent. user: number of the function's user.

    Memory: the function's and all of its /tmp, which is memory; what processes use beyond the function's own is watched by the daemon.
    """
    memory = (spec.memory_mb + spec.ephemeral_storage_mb) * MB
    binds = [f"{door}:{PLACE}:ro", *(f"{outside}:{inside}:rw" for inside, outside in spec.file_systems.items())]
    return {
        "Image": image,
        "Entrypoint": [PROGRAM],
        "Cmd": [],
        "Env": [],
        "User": f"{user}:{user}",
        "WorkingDir": "/",
        "Hostname": HOST_NAME,
        "Labels": dict(labels),
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            "AutoRemove": True,
            "Binds": binds,
            "CapDrop": ["ALL"],
            "ExtraHosts": [f"{HOST_NAME}.localdomain:127.0.0.1"],
            "IpcMode": "private",
            "LogConfig": {"Type": "none"},
            "Memory": memory,
            "MemorySwap": memory,
            "NanoCpus": round(spec.memory_mb / FULL_CORE_MB * 1e9),
            "NetworkMode": network,
            "PidsLimit": PROCESSES + 2,  # the agents are two
            "ReadonlyRootfs": True,
            "SecurityOpt": ["no-new-privileges"],
            "Tmpfs": {TEMPORARY: f"rw,exec,nosuid,nodev,mode=1777,size={spec.ephemeral_storage_mb * MB}"},
            "Ulimits": [
                {"Name": name, "Soft": limit, "Hard": limit}
                for name, limit in (("nofile", DESCRIPTORS), ("nproc", PROCESSES), ("core", 0))
            ],
        },
    }
