"""What /proc tells about the processes of an environment: who belongs to it, what memory they use, who is behind a connection.

A process belongs if it descends from the environment's first one, or carries its mark: the address of its Runtime API among
its environment variables, which children inherit and keep when they leave session and parent.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

PAGE = resource.getpagesize()
SCARCE = 0.1
"""Memory is short when less than this share is available."""
LOOKS = 5
"""At the table of TCP sockets, which is not read in one piece: an entry can be missed while others come and go."""


def children(pid: int) -> Iterator[int]:
    """The process and all its descendants, as far as they are still attached to it; a chain of them may be long."""
    ahead = [pid]
    while ahead:
        member = ahead.pop()
        yield member
        with contextlib.suppress(OSError, ValueError):
            for task in os.listdir(f"/proc/{member}/task"):
                ahead += map(int, Path(f"/proc/{member}/task/{task}/children").read_text().split())


def marked(mark: bytes, where: str = "environ") -> Iterator[int]:
    """Processes with the mark among their environment variables, or in their command line. Raises ValueError for a mark that all have."""
    if not mark.strip(b"\0"):
        raise ValueError("everything has an empty mark")
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                if mark in Path(f"/proc/{name}/{where}").read_bytes():
                    yield int(name)


def neighbours(pid: int) -> Iterator[int]:
    """Processes of the same process namespace; none when it is gone."""
    with contextlib.suppress(OSError):
        namespace = os.readlink(f"/proc/{pid}/ns/pid")
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError):
                    if os.readlink(f"/proc/{name}/ns/pid") == namespace:
                        yield int(name)


def memory(pid: int) -> int:
    """Resident bytes of the process and its descendants; 0 when it is gone."""
    total = 0
    for member in children(pid):
        with contextlib.suppress(OSError, IndexError):
            total += int(Path(f"/proc/{member}/statm").read_bytes().split()[1]) * PAGE
    return total


def own_memory(pid: int) -> int:
    """The same, each page that several have counted once in all: exact, and a hundred times the work."""
    total = 0
    for member in children(pid):
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def memory_is_short() -> bool:
    """Whether the host could hardly start anything new without swapping (MemAvailable, proc(5))."""
    sizes = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    total, available = (int(sizes[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    return available < SCARCE * total


def kill_marked(mark: bytes, where: str = "environ") -> None:
    """SIGKILL to every process with the mark, until none is left."""
    for _ in range(10):  # a fork under way may be one generation ahead
        stragglers = [straggler for straggler in marked(mark, where) if not _is_zombie(straggler)]
        if not stragglers:
            return
        for straggler in stragglers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(straggler, signal.SIGKILL)


def owns_connection(pids: Iterable[int], server_port: int, client_port: int) -> bool:
    """Whether the loopback connection client_port -> server_port was made by one of these processes or of their descendants."""
    inode = _socket_inode(server_port, client_port)
    target = f"socket:[{inode}]"
    return bool(inode) and any(_has_open(member, target) for pid in pids for member in children(pid))


def _socket_inode(server_port: int, client_port: int) -> str:
    """Inode of the client's end, from the kernel's table of TCP sockets; "" when it is not there."""
    wanted = f" 0100007F:{client_port:04X} 0100007F:{server_port:04X} "
    for _ in range(LOOKS):
        for line in Path("/proc/net/tcp").read_text().splitlines():
            if wanted in line:
                return line.split(maxsplit=10)[9]
    return ""


def _has_open(pid: int, target: str) -> bool:
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/{name}") == target:
                    return True
    return False


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
