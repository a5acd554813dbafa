"""Servers that others wrote in Rust, built once from crates.io and kept: processes for tests, as in servers.py. Not what is tested."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.cache import making
from tests.servers import Server, Unavailable

SOURCES = Path(__file__).parent / "contract/servers"
BUILD_SECONDS = 900.0
DYNOXIDE = "3.2.0"
SUBSCRIPTION_SECONDS = 300.0
"""How long one lasts (Kinesis API, SubscribeToShard)."""


def ferrokinesis(folder: Path, cache: Path, *, subscription_seconds: float = SUBSCRIPTION_SECONDS) -> Server:
    """ferrokinesis: Kinesis with enhanced fan-out, whose subscriptions may be made shorter."""
    program = _built("ferrokinesis", cache)
    milliseconds = str(round(subscription_seconds * 1000))
    return Server("ferrokinesis", lambda port: [str(program), str(port), milliseconds], folder, path="/_health/ready")


def dynoxide(folder: Path, cache: Path) -> Server:
    """dynoxide: DynamoDB and its streams, by other hands."""
    program = _installed("dynoxide-rs", DYNOXIDE, "native-sqlite,http-server,cli", cache) / "bin/dynoxide"
    return Server(
        "dynoxide",
        lambda port: [str(program), "serve", "--host", "127.0.0.1", "--port", str(port)],
        folder,
        environment=lambda _port: {"AWS_REGION": "us-east-1"},
    )


@making("cargo")
def _installed(name: str, version: str, features: str, cache: Path) -> Path:
    """A program as its author publishes it; where it is installed."""
    root = cache / f"{name}-{version}"
    if not (root / ".crates.toml").exists():
        options = [
            "--quiet",
            "--locked",
            "--debug",
            "--no-default-features",
            "--features",
            features,
            "--root",
            str(root),
        ]
        _cargo(name, ["install", f"{name}@{version}", *options], root.parent)
    return root


@making("cargo")
def _built(name: str, cache: Path) -> Path:
    """The program in servers/<name>; built anew when it has changed."""
    sources, target = SOURCES / name, cache / name
    program, mark = target / "debug/server", target / f"{_digest(sources)}.built"
    if not (program.exists() and mark.exists()):
        _cargo(name, ["build", "--quiet", "--locked", "--target-dir", str(target)], sources)
        mark.touch()
    return program


def _cargo(name: str, command: Sequence[str], folder: Path) -> None:
    cargo = shutil.which("cargo")
    if cargo is None:
        raise Unavailable(f"{name} needs cargo to be built")
    try:
        subprocess.run([cargo, *command], cwd=folder, check=True, capture_output=True, timeout=BUILD_SECONDS)
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"{name} could not be built: {error.stderr.decode(errors='replace')[-500:]}") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{name} could not be built in {BUILD_SECONDS:.0f} s") from error


def _digest(sources: Path) -> str:
    files = sorted(path for path in sources.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
