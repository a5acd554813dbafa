"""First Python code of a function's process: the import path as on AWS, then the runtime client, in the same interpreter.

Copied beside the client. Standard library only, for every Python that a runtime may have. Called with the handler and the folder of the
layers ("" without). The function sees its package, its layers, what PYTHONPATH adds, the runtime, and the standard library.
"""

import os
import runpy
import site
import sys


def main() -> None:
    """Become the runtime client."""
    handler, layers = sys.argv[1:3]
    runtime = os.environ["LAMBDA_RUNTIME_DIR"]
    added = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and path != runtime]
    standard = [path for path in sys.path[1:] if path not in (runtime, *added)]
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    layered = [f"{layers}/python/lib/{version}/site-packages", f"{layers}/python"] if layers else []
    sys.path[:] = [os.environ["LAMBDA_TASK_ROOT"], *layered, *added, runtime, *standard]
    sys.dont_write_bytecode = True  # the package is read-only to its function
    site.setquit()  # exit() and its like, which handlers have on AWS; the rest of site stays out
    sys.argv = ["awslambdaric", handler]
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
