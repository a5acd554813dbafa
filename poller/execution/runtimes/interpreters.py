"""Interpreters that this host has, by version: on PATH, where version managers put them, in the system's folders. Starts each to ask it."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PROBE_SECONDS = 20.0

PYTHON = """import json, os, sys
json.dump(["%d.%d.%d" % sys.version_info[:3], sys.base_prefix, os.path.realpath(sys.executable)], sys.stdout)"""
RUBY = 'require "json"; print [RUBY_VERSION, RbConfig::CONFIG["prefix"], File.realpath(RbConfig.ruby)].to_json'
NODE = """process.stdout.write(JSON.stringify([process.versions.node, path.resolve(process.execPath, "../.."), process.execPath]))"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """Where it is and what it says it is. prefix: the folder that holds all of it."""

    path: Path
    version: str
    prefix: Path

    @property
    def placed(self) -> tuple[str, str]:
        """Interpreter and prefix as a build wants them: what lies under /usr is at its place in every sandbox."""
        if self.prefix.is_relative_to("/usr"):
            return str(self.path), ""
        return str(self.path.relative_to(self.prefix)), str(self.prefix)


def find(language: str, version: str, given: str = "") -> Interpreter | None:
    """The first interpreter of that version (3.12, 22, 17); given: the only one to look at. None when there is none."""
    for path in [Path(given)] if given else _candidates(language, version):
        found = _asked(language, path)
        if found is not None and f"{found.version}.".startswith(f"{version}."):
            return found
    return None


def _candidates(language: str, version: str) -> Iterator[Path]:
    """Paths of executables; the same one may come twice. None for Node: npm has every version, with what its client is built against."""
    home = Path.home()
    if language == "python":
        yield from _on_path(f"python{version}")
        pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
        yield from sorted(pyenv.glob(f"versions/{version}*/bin/python{version}"), reverse=True)
        yield from home.glob(f".local/share/uv/python/cpython-{version}.*/bin/python{version}")
    elif language == "java":
        if java_home := os.environ.get("JAVA_HOME"):
            yield Path(java_home) / "bin/java"
        yield from _on_path("java")
        yield from sorted(Path("/usr/lib/jvm").glob("*/bin/java"))
    elif language == "ruby":
        yield from _on_path(f"ruby{version}", "ruby")
        yield from sorted(home.glob(f".rbenv/versions/{version}.*/bin/ruby"), reverse=True)


def _on_path(*names: str) -> Iterator[Path]:
    for name in names:
        for folder in (None, "/usr/local/bin:/usr/bin"):
            if found := shutil.which(name, path=folder):
                yield Path(found)


@functools.cache  # versions of a language share candidates, and a JVM takes its time
def _asked(language: str, path: Path) -> Interpreter | None:
    """What an executable says of itself; None when it does not start, as a version manager's stand-in may not."""
    if language == "java":
        return _asked_java(path)
    command = {"python": ["-I", "-S", "-c", PYTHON], "nodejs": ["-e", NODE], "ruby": ["-e", RUBY]}[language]
    output = _output([str(path), *command])
    try:
        version, prefix, executable = json.loads(output)
    except ValueError:
        return None
    return Interpreter(Path(executable), version, Path(prefix))


def _asked_java(path: Path) -> Interpreter | None:
    lines = _output([str(path), "-XshowSettings:properties", "-version"]).splitlines()
    told = {name.strip(): value.strip() for name, _, value in (line.partition(" = ") for line in lines)}
    if "java.home" not in told:
        return None
    version = told["java.version"].removeprefix("1.")
    home = Path(told["java.home"]).resolve()
    return Interpreter(home / "bin/java", version, home)


def _output(command: Sequence[str]) -> str:
    """All that it writes; "" when it fails."""
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.decode(errors="replace") if ended.returncode == 0 else ""
