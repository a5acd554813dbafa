"""Peers that are not Python packages of ours: fetched once into a cache folder outside the repository.

What cannot be had raises Unavailable, whose sentence goes into the table.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pollerd-bench"
SQS_CONSUMER = "14.2.8"  # the last one that runs on Node.js 20
SAM_CLI = "1.170.0"
KAFKA_CLIENTS = ("faststream[kafka]==0.7.8", "aiokafka==0.14.0", "uvloop>=0.22")
FETCH_SECONDS = 180


class Unavailable(Exception):
    """A peer cannot be had here."""


def sqs_consumer() -> Path:
    """Folder with npm's sqs-consumer installed in it."""
    folder = CACHE / f"sqs-consumer-{SQS_CONSUMER}"
    if not (folder / "node_modules" / "sqs-consumer").is_dir():
        _need("npm", "node")
        folder.mkdir(parents=True, exist_ok=True)
        _fetch(["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", f"sqs-consumer@{SQS_CONSUMER}"])
    _need("node")
    return folder


def interface_emulator() -> Path:
    """AWS's runtime interface emulator, as the wheel of aws-sam-cli carries it."""
    machine = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine())
    if machine is None or sys.platform != "linux":
        raise Unavailable(f"no emulator is built for {sys.platform} on {platform.machine()}")
    binary = CACHE / f"sam-cli-{SAM_CLI}" / f"aws-lambda-rie-{machine}"
    if not binary.exists():
        _unpack_emulator(binary)
    return binary


def kafka_clients() -> Path:
    """The interpreter of an environment with FastStream and aiokafka in it, and nothing of ours."""
    version = hashlib.sha256(" ".join(KAFKA_CLIENTS).encode()).hexdigest()[:12]
    folder = CACHE / f"kafka-clients-{version}-{sys.version_info.major}.{sys.version_info.minor}"
    interpreter, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists():
        _fetch([sys.executable, "-m", "venv", "--clear", str(folder)])
        _fetch([str(interpreter), "-m", "pip", "install", "--quiet", *KAFKA_CLIENTS])
        ready.touch()
    return interpreter


def _unpack_emulator(binary: Path) -> None:
    folder = binary.parent
    folder.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    _fetch([*pip, f"aws-sam-cli=={SAM_CLI}"])
    wheel = next(folder.glob("aws_sam_cli-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        try:
            content = archive.read(f"samcli/local/rapid/{binary.name}")
        except KeyError:
            raise Unavailable(f"{wheel.name} carries no {binary.name}") from None
    partial = binary.with_suffix(".partial")
    partial.write_bytes(content)
    partial.chmod(0o755)
    partial.rename(binary)
    wheel.unlink()


def _need(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            raise Unavailable(f"{program} is not installed")


def _fetch(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{command[0]} took more than {FETCH_SECONDS} s") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise Unavailable(f"{' '.join(command[:2])} failed: {last}")
