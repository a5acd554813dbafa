"""Servers that others wrote in Rust, built once from crates.io and kept: processes for tests, as in servers.py. Not what is tested."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from tests.cache import making
from tests.servers import Server, Unavailable

SOURCES = Path(__file__).parent / "contract/servers"
BUILD_SECONDS = 900.0
SUBSCRIPTION_SECONDS = 300.0
"""How long one lasts (Kinesis API, SubscribeToShard)."""


def ferrokinesis(folder: Path, cache: Path, *, subscription_seconds: float = SUBSCRIPTION_SECONDS) -> Server:
    """ferrokinesis: Kinesis with enhanced fan-out, whose subscriptions may be made shorter."""
    program = _built("ferrokinesis", cache)
    milliseconds = str(round(subscription_seconds * 1000))
    return Server("ferrokinesis", lambda port: [str(program), str(port), milliseconds], folder, path="/_health/ready")


@making("cargo")
def _built(name: str, cache: Path) -> Path:
    """The program in servers/<name>; built anew when it has changed."""
    sources, target = SOURCES / name, cache / name
    program, mark = target / "debug/server", target / f"{_digest(sources)}.built"
    if not (program.exists() and mark.exists()):
        cargo = shutil.which("cargo")
        if cargo is None:
            raise Unavailable(f"{name} needs cargo to be built")
        build = [cargo, "build", "--quiet", "--locked", "--target-dir", str(target)]
        try:
            subprocess.run(build, cwd=sources, check=True, capture_output=True, timeout=BUILD_SECONDS)
        except subprocess.CalledProcessError as error:
            raise Unavailable(f"{name} could not be built: {error.stderr.decode(errors='replace')[-500:]}") from error
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"{name} could not be built in {BUILD_SECONDS:.0f} s") from error
        mark.touch()
    return program


def _digest(sources: Path) -> str:
    files = sorted(path for path in sources.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
