"""First code of every function's process, before its runtime: dies with the daemon, keeps its limits, then becomes the command.

Started as ``python -I -S launcher.py PARENT COMMAND...``. Standard library only. The command is executed in the same process, which keeps
what is set here.
"""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
CANNOT_START = 126
"""Exit status, as a shell's, when the kernel refuses the command."""


def die_with(parent: int) -> None:
    """Have the kernel kill this process when the daemon is gone, however it went."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it went before we asked
        os._exit(1)


def limit() -> None:
    """Lambda quotas: 1,024 descriptors; a crash writes no core file."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Become the command."""
    parent, *command = sys.argv[1:]
    die_with(int(parent))
    limit()
    try:
        os.execv(command[0], command)  # noqa: S606  # no shell is wanted
    except OSError as error:
        sys.stderr.write(f"fork/exec {command[0]}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(CANNOT_START)


if __name__ == "__main__":
    main()
