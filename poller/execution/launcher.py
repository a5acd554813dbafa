"""First code of a function's process: limits, then the provided runtime client, in the same interpreter. Standard library only.

Started as ``python -I -S launcher.py HANDLER``: isolated, so that neither the daemon's packages nor its environment are on the import path.
The function sees its package, the runtime's folder and the standard library.
"""

import ctypes
import os
import resource
import runpy
import signal
import sys

PR_SET_PDEATHSIG = 1


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
    """Become the runtime client."""
    handler = sys.argv[1]
    die_with(int(os.environ.pop("_POLLERD_PARENT")))
    limit()
    runtime = os.environ["LAMBDA_RUNTIME_DIR"]
    given = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and path != runtime]
    sys.path[:0] = [os.environ["LAMBDA_TASK_ROOT"], *given, runtime]
    sys.dont_write_bytecode = True  # the package is read-only to its function
    sys.argv = ["awslambdaric", handler]
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
