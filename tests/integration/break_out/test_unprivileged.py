"""The same attempts once more under a daemon without privileges, where the tests are run by root: another sandbox altogether.

In the host's network and in one of its own; without a sandbox, and without a way out, there is nothing that root's run did not see.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from poller.execution.sandbox import egress
from tests.integration.break_out.scene import EGRESS, OWN, SHARED

USER = 1_999_999_999
HERE = Path(__file__).parent
CHECKOUT = HERE.parents[2]


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of that user's."""
    with tempfile.TemporaryDirectory(prefix="pollerd-user-") as folder:
        os.chown(folder, USER, USER)
        yield Path(folder)


def as_user(*argv: str | Path) -> list[str | Path]:
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--", *argv]


def interpreter() -> str | Path:
    """One that anybody may run, of this interpreter's version; for it, this one's packages are as good as its own."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for program in (Path("/usr/bin", version), Path("/usr/local/bin", version), Path(sys.executable)):
        if subprocess.run(as_user(program, "-c", ""), capture_output=True, check=False).returncode == 0:
            return program
    pytest.skip(f"there is no {version} that an ordinary user may run")


@pytest.mark.skipif(os.geteuid() != 0, reason="these tests are run by an ordinary user already")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed (Debian: util-linux)")
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("file", ["test_break_out.py", "test_robustness.py"])
def test_as_an_ordinary_user(home: Path, file: str) -> None:
    packages = os.pathsep.join(path for path in sys.path if path.endswith("-packages"))
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    environment["BREAK_OUT_KINDS"] = f"{SHARED};{OWN if egress.problem() else EGRESS}"
    environment["PYTHONPATH"] = f"{CHECKOUT}{os.pathsep}{packages}"
    options = ["-q", "-p", "no:cacheprovider", f"--basetemp={home}/tests"]
    done = subprocess.run(
        as_user(interpreter(), "-m", "pytest", *options, HERE / file),
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
    assert "bubblewrap" not in done.stdout, "sandboxes were skipped:\n" + done.stdout[-2000:]
