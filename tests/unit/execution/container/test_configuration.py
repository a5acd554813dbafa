"""What the engine is told."""

from __future__ import annotations

from pathlib import Path

from poller.execution.container.configuration import container
from poller.execution.contract import FunctionSpec

SPEC = FunctionSpec(
    name="f", version="1", arn="a", task_root="", runtime="", handler="", timeout_seconds=3, memory_mb=1769,
    ephemeral_storage_mb=600, file_systems={"/mnt/shared": "/srv/shared"},
)  # fmt: skip


def test_limits_are_the_function_s_and_all_else_is_taken_away() -> None:
    told = container(SPEC, "sha256:1", door=Path("/state/door"), network="bridge", user=7, labels={"a": "b"})
    host = told["HostConfig"]
    assert (told["Image"], told["User"], told["Labels"]) == ("sha256:1", "7:7", {"a": "b"})
    assert (told["Entrypoint"], told["Cmd"]) == (["/.pollerd/agent"], [])
    assert host["Memory"] == host["MemorySwap"] == (1769 + 600) * 1024 * 1024
    assert host["NanoCpus"] == 1_000_000_000
    assert host["Tmpfs"]["/tmp"].endswith(f"mode=1777,size={600 * 1024 * 1024}")
    assert host["Binds"] == ["/state/door:/.pollerd:ro", "/srv/shared:/mnt/shared:rw"]
    assert host["NetworkMode"] == "bridge"
    assert (host["CapDrop"], host["SecurityOpt"], host["ReadonlyRootfs"]) == (["ALL"], ["no-new-privileges"], True)
    assert not {"PortBindings", "Privileged", "CapAdd", "PidMode"} & host.keys()
