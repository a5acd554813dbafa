"""First Python code of a function's process: the runtime client, then the import path as on AWS, in the same interpreter.

Copied beside the client. Standard library only, for every Python that a runtime may have. Called with the handler, the folder of the
layers ("" without) and, to be held before anything of the function's own is loaded, the descriptor to wait at. The function sees its
package, its layers, what PYTHONPATH adds, the runtime, and the standard library; the client is the runtime's, as on AWS, whatever those
have.
"""

import os
import site
import sys


def main() -> None:
    """Become the runtime client."""
    handler, layers, *gate = sys.argv[1:]
    runtime = os.environ["LAMBDA_RUNTIME_DIR"]
    added = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and path != runtime]
    standard = [path for path in sys.path[1:] if path not in (runtime, *added)]
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    layered = [f"{layers}/python/lib/{version}/site-packages", f"{layers}/python"] if layers else []
    sys.dont_write_bytecode = True  # the package is read-only to its function
    sys.path[:] = [runtime, *standard]
    from awslambdaric.__main__ import main as client  # noqa: PLC0415  # only now is the path what it is to be

    if gate:
        wait(int(gate[0]))
    sys.path[:] = [os.environ["LAMBDA_TASK_ROOT"], *layered, *added, runtime, *standard]
    site.setquit()  # exit() and its like, which handlers have on AWS; the rest of site stays out
    sys.argv = ["awslambdaric", handler]
    client(sys.argv)


def wait(gate: int) -> None:
    """Until the environment is needed; the end if it never is."""
    if not os.read(gate, 1):
        sys.exit()
    os.close(gate)


if __name__ == "__main__":
    main()
