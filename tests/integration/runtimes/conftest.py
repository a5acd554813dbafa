"""Runtimes and functions for these tests: built once, kept in the cache, skipped with the reason where a tool is missing."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from poller.execution.runtimes import building, catalogue
from poller.execution.runtimes.building.install import Order, install
from poller.execution.runtimes.building.workshop import BuildError
from poller.execution.runtimes.contract import Runtime, RuntimeUnavailable
from tests.cache import CACHE, making

FUNCTIONS = Path(__file__).with_name("functions")
ROOTED = "python3.13"
"""The one that is built as a root file system here."""
BUILT_ON_DEMAND = ("python3.9", "python3.12", ROOTED, "nodejs20.x", "nodejs22.x", "java17")
"""Others are tested where they are in the cache already: a further build would tell little that is new."""


def _digest(*files: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


@pytest.fixture(scope="session")
def state() -> Path:
    """A state folder in the cache, as long as what builds runtimes stays the same."""
    package = Path(catalogue.__file__).parent
    sources = [*Path(building.__file__).parent.glob("*.py"), package / "bootstrap.py", package / "node_path.mjs"]
    return CACHE / "runtimes" / _digest(*sources)


@pytest.fixture(scope="session")
def runtime_of(state: Path) -> Callable[[str], Runtime]:
    """Identifier -> runtime, built now if need be."""

    def get(identifier: str) -> Runtime:
        with making(f"runtime-{identifier}"):
            try:
                return catalogue.find(identifier, state)
            except RuntimeUnavailable as reason:
                if identifier not in BUILT_ON_DEMAND:
                    pytest.skip(f"{reason} (--state {state})")
            try:
                install(Order(identifier=identifier, rooted=identifier == ROOTED), state, print)
            except (BuildError, OSError) as error:
                pytest.skip(f"{identifier} cannot be built here: {error}")
            return catalogue.find(identifier, state)

    return get


@pytest.fixture(scope="session")
def package_of(state: Path, runtime_of: Callable[[str], Runtime]) -> Callable[[str], Path]:
    """Name of a function -> folder with its deployment package, compiled if need be."""

    def java(source: Path, target: Path) -> None:
        runtime_of("java17")  # its client has the interfaces that a handler is compiled against
        _java(source, target, state / "runtimes/java17/client/lib")

    compilers = {"go": _go, "rust": _rust, "java": java}

    def get(name: str) -> Path:
        source = FUNCTIONS / name
        if name not in compilers:
            return source
        target = CACHE / "functions" / f"{name}-{_digest(*(path for path in source.rglob('*') if path.is_file()))}"
        if not target.exists():
            beside = target.with_name(f".{target.name}.{os.getpid()}")
            shutil.copytree(source, beside)
            try:
                compilers[name](source, beside)
                with contextlib.suppress(OSError):  # another run was faster
                    beside.rename(target)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
        return target

    return get


@pytest.fixture(scope="session")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Layers of every language, merged, as under /opt."""
    opt = tmp_path_factory.mktemp("opt")
    files = {
        "python/layered.py": "VALUE = 'from a layer'",
        "ruby/lib/layered.rb": "LAYERED = 'from a layer'",
        "nodejs/node_modules/layered/index.js": "exports.value = 'from a layer'",
        "bin/layered": "#!/bin/sh\necho from a layer",
        "wrapper": '#!/bin/sh\nexport WRAPPED="$1"\nexec "$@"',
    }
    files |= {f"python/lib/python3.{n}/site-packages/versioned.py": f"VALUE = '3.{n}'" for n in range(9, 16)}
    files |= {f"nodejs/node{n}/node_modules/versioned/index.js": f"exports.value = '{n}'" for n in range(18, 28, 2)}
    for name, text in files.items():
        file = opt / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
        file.chmod(0o755)
    return opt


@pytest.fixture(scope="session")
def java_layers(layers: Path, package_of: Callable[[str], Path]) -> Path:
    """The same with a jar."""
    (layers / "java/lib").mkdir(parents=True, exist_ok=True)
    shutil.copy2(package_of("java") / "layered.jar", layers / "java/lib")
    return layers


def _go(_: Path, target: Path) -> None:
    _compile(["go", "build", "-o", "bootstrap", "."], target, {"CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"})


def _rust(_: Path, target: Path) -> None:
    _compile(["cargo", "build", "--quiet"], target)
    shutil.copy2(target / "target/debug/bootstrap", target / "bootstrap")
    shutil.rmtree(target / "target")


def _java(source: Path, target: Path, client: Path) -> None:
    """The handler in lib/, as dependencies of a package lie; the layer's class in a jar that only a layer brings."""
    (target / "lib").mkdir()
    for name, jar in {"layer": "layered.jar", "function": "lib/handler.jar"}.items():
        classes = target / f"classes-{name}"
        files = [str(file) for file in (source / name).glob("*.java")]
        _compile(
            ["javac", "--release", "11", "-cp", f"{client}/*:{target}/layered.jar", "-d", str(classes), *files], target
        )
        _compile(["jar", "--create", "--file", str(target / jar), "-C", str(classes), "."], target)
        shutil.rmtree(classes)


def _compile(command: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    ended = subprocess.run(
        command, cwd=folder, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
    )
    if ended.returncode != 0:
        pytest.skip(f"{' '.join(command)}: {ended.stderr[-500:]}")
