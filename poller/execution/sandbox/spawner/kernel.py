"""What the standard library does not know of the kernel: prctl, namespaces, mounts, capabilities, seccomp."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Sequence

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_CAP_AMBIENT = 22, 24, 47
SECCOMP_MODE_FILTER, PR_CAP_AMBIENT_CLEAR_ALL = 2, 4
CAPABILITY_VERSION = 0x20080522
CAPABILITIES = 64
"""More than there are; the kernel refuses to drop those that it does not know."""
MS_NOSUID, MS_NODEV, MS_REMOUNT = 2, 4, 32
NAMESPACES = {
    "user": 0x10000000,
    "mnt": 0x20000,
    "net": 0x40000000,
    "ipc": 0x8000000,
    "uts": 0x4000000,
    "pid": 0x20000000,
}

libc = ctypes.CDLL(None, use_errno=True)
own = {name: os.stat(f"/proc/self/ns/{name}").st_ino for name in NAMESPACES}
"""Our own namespaces, by inode: those a holder shares with us are not entered."""


def failed(what: str) -> OSError:
    """The error of the last call."""
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")


def prctl(option: int, *values: int) -> bool:
    """Whether the kernel agreed."""
    four = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    return bool(libc.prctl(option, *four) == 0)


def end_with_parent(parent: int) -> None:
    """SIGKILL when the parent ends, and now if it has."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def opened(holder: int, names: Sequence[str]) -> list[tuple[str, int]]:
    """Descriptors of a sandbox's namespaces but for those that are ours as well. Raises OSError."""
    found = [(name, os.open(f"/proc/{holder}/ns/{name}", os.O_RDONLY)) for name in names]
    return [(name, fd) for name, fd in found if os.fstat(fd).st_ino != own[name]]


def enter(namespaces: Sequence[tuple[str, int]]) -> None:
    """Join namespaces; the user's first, it gives the right to the others. Raises OSError."""
    for name, fd in namespaces:
        if libc.setns(fd, NAMESPACES[name]):
            raise failed(f"the sandbox's {name} namespace cannot be entered")
        os.close(fd)


def new_user_namespace() -> None:
    """Raises OSError."""
    if libc.unshare(NAMESPACES["user"]):
        raise failed("there can be no user namespace for the function's processes")


def remount_tmpfs(path: str, options: str) -> None:
    """Change options of a tmpfs; those not named stay. Raises OSError."""
    if libc.mount(b"tmpfs", path.encode(), b"tmpfs", MS_REMOUNT | MS_NOSUID | MS_NODEV, options.encode()):
        raise failed(f"{path} cannot be limited")


def drop_capabilities() -> None:
    """What could be inherited, or had again, is gone; what is in force goes with exec, or with a change of user.

    Not at once: as long as a process is more capable than its neighbours they cannot look into it.
    """
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    for number in range(CAPABILITIES):
        prctl(PR_CAPBSET_DROP, number)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then their upper halves
    if libc.capget(header, sets) == 0:
        sets[2] = sets[5] = 0
        libc.capset(header, sets)


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def filter_system_calls(program: bytes) -> None:
    """Install a seccomp filter; new privileges must have been given up. Raises OSError."""
    described = _Program(len(program) // 8, program)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(described), 0, 0):
        raise failed("the filter of system calls was refused")
