"""Runtime clients and extensions that others wrote, built once and kept: programs for tests to start. Not what is tested.

Each function returns a command, or raises ``Unavailable`` with the reason to skip with.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.cache import making
from tests.servers import Unavailable

SOURCES = Path(__file__).parent / "integration/clients"
BUILD_SECONDS = 600.0


def python(code: Path) -> list[str]:
    """awslambdaric, from this interpreter's packages."""
    assert (code / "app.py").exists()
    return [sys.executable, "-m", "awslambdaric", "app.handler"]


@making("client-go")
def go(cache: Path) -> list[str]:
    """The program in clients/go, on aws-lambda-go."""
    program = cache / f"go-{_digest(SOURCES / 'go')}" / "function"
    if not program.exists():
        _run([_tool("go"), "build", "-o", str(program), "."], SOURCES / "go")
    return [str(program)]


@making("client-container")
def container(cache: Path) -> Path:
    """The program in clients/container, on aws-lambda-go, linked statically: all that an image from scratch needs."""
    folder = SOURCES / "container"
    program = cache / f"container-{_digest(folder)}" / "function"
    if not program.exists():
        _run([_tool("go"), "build", "-tags", "netgo,osusergo", "-ldflags", "-s -w", "-o", str(program), "."], folder)
    return program


@making("client-rust")
def rust(cache: Path, program: str) -> list[str]:
    """A program of clients/rust, on lambda_runtime and lambda-extension."""
    target = cache / "rust"
    built = target / "debug" / program
    mark = target / f"{_digest(SOURCES / 'rust')}.built"
    if not (built.exists() and mark.exists()):
        _run([_tool("cargo"), "build", "--locked", "--target-dir", str(target)], SOURCES / "rust")
        mark.touch()
    return [str(built)]


@making("client-node")
def node(cache: Path, version: str) -> list[str]:
    """aws-lambda-ric of that version; the handler is the last argument, app.handler."""
    node_, npm = _tool("node"), _tool("npm")
    folder = cache / f"aws-lambda-ric-{version}"
    package = folder / "node_modules/aws-lambda-ric"
    if not (folder / "installed").exists():
        folder.mkdir(parents=True, exist_ok=True)
        names = ["--no-audit", "--no-fund", "--foreground-scripts"]
        _run([npm, "install", *names, f"aws-lambda-ric@{version}"], folder)
        (folder / "installed").touch()
    entry = next((package / name for name in ("bin/index.mjs", "index.mjs") if (package / name).exists()), None)
    if entry is None:
        raise Unavailable(f"aws-lambda-ric {version} has no entry point here")
    return [node_, str(entry), "app.handler"]


@making("client-node_otel_extension")
def node_otel_extension(cache: Path) -> Path:
    """The layer of Serverless's OpenTelemetry extension (npm), unpacked: a folder as /opt, with otel-extension/index.js in it."""
    npm, unzip = _tool("npm"), _tool("unzip")
    folder = cache / "otel-extension-0.1.11"
    if not (folder / "opt/otel-extension/index.js").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _run([npm, "pack", "@serverless/aws-lambda-otel-extension-dist@0.1.11"], folder)
        _run(["tar", "xzf", "serverless-aws-lambda-otel-extension-dist-0.1.11.tgz"], folder)
        _run([unzip, "-qo", "package/extension.zip", "-d", "opt"], folder)
    return folder / "opt"


def _digest(folder: Path) -> str:
    """Of what a program is made from."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Unavailable(f"{name} is not installed")
    return found


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{command[0]} took longer than {BUILD_SECONDS:.0f} s") from error
    if done.returncode:
        raise Unavailable(f"{' '.join(command[:3])} failed: {(done.stderr or done.stdout)[-500:]}")
